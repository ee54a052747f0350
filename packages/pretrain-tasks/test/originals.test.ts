import { readFileSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs';
import { lxmertModel } from '@wbdc/lxmert-model';
import {
  disposeTree,
  flatten,
  floats,
  gatherRows,
  ints,
  joinColumns,
  l2Normalize,
  linear,
  meanPool,
  randomKey,
  symmetricInfoNce,
  type Batch,
  type Encoder,
  type ParamTree,
} from '@wbdc/nn';
import { uniModel } from '@wbdc/uni-model';
import { beforeEach, describe, expect, it } from 'vitest';
import { ENGINES, distance, readMetricsNow, useEngine } from '../../../tools/testing.js';
import { ftc, ftm, mfm, mlm, mmm, pretraining, tag, type Plan, type PreparedView } from '../src/index.js';
import type { FtmHead } from '../src/index.js';
import { frameLogits, type MfmHead } from '../src/mfm.js';
import { tokenLogits, type MlmHead } from '../src/mlm.js';
import { tagLogits, type TagHead } from '../src/tag.js';
import type { Task } from '../src/task.js';

/** By tools/parity/original_objectives.py. */
interface Told {
  readonly tokens: number[][];
  readonly textMask: number[][];
  readonly frames: number[];
  readonly frameMask: number[][];
}
interface Words {
  readonly rows: number[];
  readonly labels: number[];
}
interface Frames extends Words {
  readonly candidates: number[];
}
type Results = Record<string, { readonly logits: number[]; readonly loss: number }>;
interface Aiac {
  readonly batch: Told;
  readonly tags: Record<string, number[]>;
  readonly mlm: Words;
  readonly mfm: Frames;
  readonly results: Results;
  readonly total: number;
}
interface Wbdc {
  /** Lengths of title, OCR and ASR. */
  readonly whole: Told & { readonly lengths: number[][] };
  readonly mmm: { readonly batch: Told; readonly text: Words; readonly frames: Frames };
  readonly shared: { readonly batch: Told; readonly ftm: Words; readonly mlm: Words; readonly mfm: Frames };
  readonly results: Results;
  readonly total: number;
}
interface Fixture {
  readonly 'aiac-cls': Aiac;
  readonly 'aiac-mean': Aiac;
  readonly wbdc: Wbdc;
}

const [V, D, DV, T] = [31, 12, 7, 11];
const text = { vocabSize: V, hiddenSize: D, layers: 2, heads: 2, intermediateSize: 20, maxPositions: 16, segments: 2 };
const sizes = { ...text, dropout: 0.1, frameSize: DV, maxFrames: 4 };
const MODELS: readonly [string, Encoder<ParamTree>][] = [
  ['single', uniModel({ ...sizes, frameSegment: 0 }) as Encoder<ParamTree>],
  [
    'double',
    lxmertModel({
      ...sizes,
      videoLayers: 1,
      videoActivation: 'erf',
      videoNorm: 'post',
      crossLayers: 2,
    }) as Encoder<ParamTree>,
  ],
];
const special = [0, 1, 2, 3, 4];

/** Uniform in +-0.4, by the generator of the script, seeded by the path. */
function noise(path: string, count: number): Float32Array {
  let x = 7;
  for (const character of path) x = (Math.imul(x, 31) + character.codePointAt(0)!) & 0x7fffffff;
  const offset = path.endsWith('gamma') ? 1 : 0;
  return Float32Array.from({ length: count }, () => {
    x = (Math.imul(x, 1103515245) + 12345) & 0x7fffffff;
    return Math.fround(((x / 2 ** 31) * 2 - 1) * 0.4) + offset;
  });
}

function batchOf({ tokens, textMask, frames, frameMask }: Told, spans: Batch['spans'] = tokens.map(() => [])): Batch {
  const table = (rows: number[][]) => ints([rows.length, rows[0].length], Int32Array.from(rows.flat()));
  return {
    ids: tokens.map((_, i) => String(i)),
    tokens: table(tokens),
    segments: ints([tokens.length, tokens[0].length]),
    textMask: table(textMask),
    frames: floats([tokens.length, frameMask[0].length, DV], Float32Array.from(frames)),
    frameMask: table(frameMask),
    spans,
  };
}

const wordsOf = ({ rows, labels }: Words) => ({ rows: Int32Array.from(rows), labels: Int32Array.from(labels) });
const framesOf = ({ candidates, ...words }: Frames) => {
  const values = Float32Array.from(candidates);
  return { ...wordsOf(words), candidates: floats([values.length / DV, DV], values) };
};

describe.each(ENGINES)('the originals on %s', (engine) => {
  beforeEach(() => useEngine(engine));

  describe.each(MODELS)('%s stream', (name, encoder) => {
    const fixture = JSON.parse(
      readFileSync(new URL(`fixtures/originals-${name}.json`, import.meta.url), 'utf8'),
    ) as Fixture;

    /** Runs a plan on prepared views, and compares its losses by metric, and their sum. */
    const compare = (
      plan: Plan,
      views: readonly PreparedView[],
      { results, total }: Pick<Aiac, 'results' | 'total'>,
      reduction: 'sum' | 'mean',
      logitsOf: (heads: Record<string, ParamTree>, params: ParamTree) => Record<string, tf.Tensor>,
    ): void => {
      const model = pretraining(encoder, plan, { reduction });
      const params = model.init(randomKey(1));
      for (const { path, leaf } of flatten({ ...params })) {
        tf.tidy(() => (leaf as tf.Variable).assign(tf.tensor(noise(path, leaf.size), leaf.shape)));
      }
      tf.tidy(() => {
        const { loss, metrics } = model.loss(params, views);
        const read = readMetricsNow(metrics);
        for (const [task, expected] of Object.entries(results)) {
          const metric = read[task.includes(' ') ? `${task.replace(' ', '/')} loss` : `${task}/loss`];
          expect(Math.abs(metric.sum / metric.count - expected.loss), `${task} loss`).toBeLessThan(1e-5);
        }
        // A sum of weights up to 1250.
        expect(Math.abs(loss.dataSync()[0] / total - 1)).toBeLessThan(1e-5);
        const logits = logitsOf({ ...params.heads } as Record<string, ParamTree>, params.encoder);
        expect(Object.keys(logits).sort()).toEqual(Object.keys(results).sort());
        for (const [task, tensor] of Object.entries(logits)) {
          expect(distance(tensor.dataSync(), results[task].logits), `${task} logits`).toBeLessThan(1e-5);
        }
      });
      disposeTree({ ...params });
    };

    it.each([
      ['aiac-cls', 'cls'],
      ['aiac-mean', 'mean'],
    ] as const)('AIAC: tags, masked words and masked frames (%s)', (key, pooling) => {
      const own = fixture[key];
      const rows = Int32Array.from(Object.keys(own.tags), Number);
      const truth = floats([rows.length, T]);
      Object.values(own.tags).forEach((list, row) => list.forEach((index) => (truth.data[row * T + index] = 1)));
      const batch = batchOf(own.batch);
      const mask = pooling === 'mean' ? { mask: joinColumns(batch.textMask, batch.frameMask) } : {};
      const targets = [wordsOf(own.mlm), framesOf(own.mfm), { rows, truth, ...mask }] as const;
      const hidden = pooling === 'mean' ? 8 : null;
      const tasks = [
        { task: mlm({ mask: 4, special, vocabSize: V }) as Task, weight: 1 / 1.25 },
        { task: mfm() as Task, weight: 1 / 3 },
        { task: tag({ tagCount: T, pooling, hidden, activation: 'relu' }) as Task, weight: 1250 },
      ];
      compare([{ tasks }], [{ batch, targets }], own, 'mean', (heads, params) => {
        const encoded = encoder.encode(params, batch, {});
        const pooled = mask.mask ? meanPool(tf.concat([encoded.text, encoded.frames], 1), mask.mask) : encoded.cls;
        return {
          tag: tagLogits(heads['tag'] as TagHead, gatherRows(pooled, rows), 'relu'),
          ...maskedLogits(heads, params, encoded, targets[0], targets[1]),
        };
      });
    });

    it('WBDC: match, masked words, masked frames, mask modality on their heads, contrastive', () => {
      const { whole, mmm: onesided, shared, ...expected } = fixture.wbdc;
      const spans = whole.lengths.map(([title, ocr, asr]) => [
        { field: 'title', start: 1, end: 1 + title },
        { field: 'ocr', start: 2 + title, end: 2 + title + ocr },
        { field: 'asr', start: 3 + title + ocr, end: 3 + title + ocr + asr },
      ]);
      const contrastive = ftc({ separator: 3, temperature: 1, pooling: 'mean', reduction: 'sum' });
      const halves = contrastive.corrupt(batchOf(whole, spans), randomKey(1));
      const [masked, first] = [batchOf(shared.batch), batchOf(onesided.batch)];
      const one = { text: wordsOf(onesided.text), frames: framesOf(onesided.frames) };
      const targets = [wordsOf(shared.ftm), wordsOf(shared.mlm), framesOf(shared.mfm)] as const;
      const plan: Plan = [
        {
          tasks: [
            { task: ftm() as Task, weight: 1 },
            { task: mlm({ mask: 4, special, vocabSize: V }) as Task, weight: 1 },
            { task: mfm() as Task, weight: 0.5 },
          ],
        },
        { tasks: [{ task: mmm({ mask: 4, special, heads: 'shared', frameWeight: 0.5 }) as Task, weight: 1 }] },
        { tasks: [{ task: contrastive as Task, weight: 1 }] },
      ];
      const views = [
        { batch: masked, targets },
        { batch: first, targets: [one] },
        { batch: halves.batch, targets: [halves.target] },
      ];
      compare(plan, views, expected, 'sum', (heads, params) => {
        const [pass, side, both] = [masked, first, halves.batch].map((of) => encoder.encode(params, of, {}));
        const modality = maskedLogits(heads, params, side, one.text, one.frames);
        const pooled = l2Normalize(meanPool(tf.concat([both.text, both.frames], 1), halves.target.mask!));
        const [titles, rest] = tf.split(pooled, 2) as [tf.Tensor2D, tf.Tensor2D];
        return {
          ftm: linear(gatherRows(pass.cls, targets[0].rows), (heads['ftm'] as FtmHead).output),
          ...maskedLogits(heads, params, pass, targets[1], targets[2]),
          'mmm text': modality.mlm,
          'mmm frames': modality.mfm,
          ftc: symmetricInfoNce(rest, titles, tf.scalar(0)).logits,
        };
      });
    });

    const maskedLogits = (
      heads: Record<string, ParamTree>,
      params: ParamTree,
      states: ReturnType<Encoder<ParamTree>['encode']>,
      words: ReturnType<typeof wordsOf>,
      frames: ReturnType<typeof framesOf>,
    ) => ({
      mlm: tokenLogits(heads['mlm'] as MlmHead, gatherRows(states.text, words.rows), encoder.wordEmbeddings(params)),
      mfm: frameLogits(heads['mfm'] as MfmHead, gatherRows(states.frames, frames.rows), frames.candidates, {
        normalize: false,
        temperature: 1,
      }),
    });
  });
});
