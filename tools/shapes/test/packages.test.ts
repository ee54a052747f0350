import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { chineseClipText, clipText, clipVision, encodingPixels } from '@wbdc/clip-model';
import { clipVisionOnnx } from '@wbdc/clip-model/onnx';
import { applyHead, newHead, type Pooling } from '@wbdc/finetune';
import { lxmertModel } from '@wbdc/lxmert-model';
import { lxmertModelOnnx } from '@wbdc/lxmert-model/onnx';
import * as nn from '@wbdc/nn';
import { flatten, floats, ints, newLinear, randomKey, type Batch, type Encoder, type ParamTree } from '@wbdc/nn';
import { single, type Communicator } from '@wbdc/distributed';
import { ftc, ftm, mfm, mlm, tag, type Task } from '@wbdc/pretrain-tasks';
import { clip } from '@wbdc/pretrain-tasks/clip';
import { uniModel } from '@wbdc/uni-model';
import { uniModelOnnx } from '@wbdc/uni-model/onnx';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  asymmetricLoss,
  cosentLoss,
  disagreement,
  rankingLoss,
  softCrossEntropy,
} from '../../../packages/finetune/src/losses.js';
import type { VideoTextParams } from '../../../packages/pipeline/src/encoder.js';
import { sharesOfPositions } from '../../../packages/pipeline/src/trained/attend.js';
import { wave } from '../../testing.js';
import { shapeComments } from '../comments.js';
import { parse } from '../instrument.js';
import { checkedComments, checkShapes } from '../recorder.js';
import { parseShapes, type Sizes } from '../shape.js';
import { checkDeferred } from './run-onnx.js';

const ROOT = join(import.meta.dirname, '..', '..', '..');

/** Distinct, and no sum of two of them is a third. */
const SIZES = { B: 3, L: 5, F: 7, D: 22, H: 2, V: 41, Dv: 13, T: 17, C: 19 };
const { B, L, F, D, H, V, Dv, T, C } = SIZES;

const MODEL = {
  vocabSize: V,
  hiddenSize: D,
  layers: 2,
  heads: H,
  intermediateSize: 23,
  maxPositions: 11,
  segments: 2,
  dropout: 0.1,
  frameSize: Dv,
  maxFrames: 10,
};
const TOWER = { imageSize: 15, patchSize: 5, width: D, layers: 2, heads: H, intermediateSize: 23, projection: Dv };
/** Of pictures: the patches, and sizes of theirs. */
const PICTURES = { N: 4, P: 9, p: 5, S: 15 };

const BATCH: Batch = {
  ids: ['a', 'b', 'c'],
  tokens: ints([B, L], Int32Array.of(2, 10, 11, 3, 3, 2, 12, 13, 14, 3, 2, 15, 3, 16, 3)),
  segments: ints([B, L]),
  textMask: ints([B, L], new Int32Array(B * L).fill(1)),
  frames: floats([B, F, Dv], wave(B * F * Dv, 0.25, 1)),
  frameMask: ints([B, F], new Int32Array(B * F).fill(1)),
  spans: [1, 2, 3].map(() => [
    { field: 'title', start: 1, end: 2 },
    { field: 'ocr', start: 2, end: 3 },
  ]),
  tags: [[1], [2, 3], [4]],
};

beforeAll(async () => {
  await tf.setBackend('cpu');
});

/** Runs a forward pass to a scalar and the backward pass of all parameters. */
function learn(params: ParamTree, f: () => tf.Tensor): void {
  tf.tidy(() =>
    tf.variableGrads(
      () => tf.sum(f()),
      flatten(params).map(({ leaf }) => leaf as tf.Variable),
    ),
  );
}

describe('nn', () => {
  it('in a BERT, forward and backward', () => {
    const config = { ...MODEL, dropout: 0.1 };
    const params = nn.newBert(randomKey(1), config);
    checkShapes(['nn'], { B, L, D, H }, () => learn(params, () => nn.bert(params, BATCH, config, randomKey(2))));
  });

  it('in a dense layer', () => {
    const params = newLinear(randomKey(1), Dv, T);
    checkShapes(['nn'], { N: B * L, in: Dv, out: T }, () =>
      learn(params, () => nn.linear(tf.ones([B, L, Dv]), params)),
    );
  });

  it('in embeddings', () => {
    const params = nn.newInputEmbedding(randomKey(1), 11, 2, D);
    checkShapes(['nn'], { B, N: L, D }, () => nn.embedInputs(params, tf.ones([B, L, D]), BATCH.segments, 0.1));
  });

  it.each([
    ['itself', 5, { N: B * 5, in: D, out: D }],
    ['a context', 7, {}],
  ] as [string, number, object][])('in attention to %s', (_, K, sizes) => {
    const Q = 5;
    const params = nn.newAttention(randomKey(1), D);
    const bias = nn.attentionBias(ints([B, K], new Int32Array(B * K).fill(1)));
    const [x, context] = [tf.ones<tf.Rank.R3>([B, Q, D]), tf.ones<tf.Rank.R3>([B, K, D])];
    const config = { ...nn.bertLayerConfig(MODEL), dropout: 0.1 };
    checkShapes(['nn'], { B, D, H, Q, K, ...sizes }, () =>
      learn(params, () => nn.attention(params, x, K === Q ? x : context, bias, config, randomKey(3))),
    );
  });

  it('in the losses', () => {
    const logits = tf.ones<tf.Rank.R2>([4, C]);
    checkShapes(['nn'], { N: 4, C }, () => nn.softmaxCrossEntropy(logits, Int32Array.of(1, 2, 3, 18)));
    const [left, right] = [tf.ones<tf.Rank.R2>([B, D]), tf.ones<tf.Rank.R2>([B + 4, D])];
    checkShapes(['nn'], { B, M: 4, D }, () => nn.symmetricInfoNce(left, right, tf.scalar(1)));
    checkShapes(['nn'], { B, D }, () => nn.meanPool(tf.ones([B, L, D]), BATCH.textMask));
  });
});

const UNI = { ...MODEL, frameSegment: 1 };
const LXMERT = { ...MODEL, crossLayers: 2, videoLayers: 2, videoActivation: 'erf' } as const;
/** Of an ONNX file. */
const INPUTS = (({ tokens, segments, textMask, frames, frameMask }) => ({
  tokens,
  segments,
  textMask,
  frames,
  frameMask,
}))(BATCH);

describe('the encoders', () => {
  it.each([
    ['uni-model', uniModel(UNI)],
    ['lxmert-model', lxmertModel(LXMERT)],
  ] as [string, Encoder<ParamTree>][])('of %s', (name, encoder) => {
    const params = encoder.init(randomKey(1));
    checkShapes([name], SIZES, () => encoder.encode(params, BATCH, { dropout: randomKey(2) }));
  });

  it.each([
    ['uni-model', uniModel(UNI)],
    ['lxmert-model', lxmertModel(LXMERT)],
  ] as [string, Encoder<VideoTextParams>][])('looked at: attention of %s', (_, encoder) => {
    const params = encoder.init(randomKey(1));
    checkShapes(['nn'], SIZES, () => nn.attentionRollout(encoder, params, BATCH));
    const one = nn.takeRows(BATCH, [0]);
    checkShapes(['pipeline'], SIZES, () => sharesOfPositions(encoder, params, one, 'mean'));
  });

  it.each(['mean', 'attention'] as const)('as ONNX files that pool by %s', async (pooling) => {
    const linear = newLinear(randomKey(3), D, T);
    const head = { name: 'tags', linear, pooling, attention: newLinear(randomKey(4), D, 1) };
    for (const write of [
      () => uniModelOnnx(uniModel(UNI).init(randomKey(1)), UNI, head),
      () => lxmertModelOnnx(lxmertModel(LXMERT).init(randomKey(1)), LXMERT, head),
    ]) {
      let model: Uint8Array = new Uint8Array();
      const deferred = checkShapes(['uni-model', 'lxmert-model', 'checkpoints'], SIZES, () => (model = write()));
      expect(deferred.length).toBeGreaterThan(5);
      await checkDeferred(model, deferred, INPUTS);
    }
  });
});

describe('clip-model', () => {
  const { N, S } = PICTURES;
  const pixels = floats([N, 3, S, S], wave(N * 3 * S * S, 0.5, 1));
  const tower = clipVision(TOWER);

  it('sees pictures', () => {
    const params = tower.init(randomKey(1));
    checkShapes(['clip-model'], { ...PICTURES, D }, () => {
      tower.forward(params, tf.tensor4d(pixels.data, [N, 3, S, S]));
      tower.pool(params, tf.tensor4d(pixels.data, [N, 3, S, S]));
    });
  });

  it.each([false, true])('sees pictures as an ONNX file, hidden: %s', async (hidden) => {
    let model: Uint8Array = new Uint8Array();
    const params = tower.init(randomKey(1));
    const write = (): unknown => (model = clipVisionOnnx(params, TOWER, { hidden }));
    const deferred = checkShapes(['clip-model'], { ...PICTURES, D }, write);
    await checkDeferred(model, deferred, { pixels });
  });

  it('reads texts', () => {
    const text = clipText({ ...TOWER, vocabSize: V, maxPositions: 11, endToken: 3 });
    const params = text.init(randomKey(1));
    checkShapes(['clip-model'], { B, L, D }, () => text.forward(params, BATCH));
  });

  it('reads Chinese texts', () => {
    const text = chineseClipText({ ...MODEL, projection: Dv });
    const params = text.init(randomKey(1));
    checkShapes(['clip-model'], { B, L, D }, () => text.forward(params, BATCH));
  });

  it('encodes pixels', () => {
    const encoder = encodingPixels(tower, uniModel(UNI), 'projected');
    const params = encoder.init(randomKey(1));
    const frameMask = ints([B, F], new Int32Array(B * F).fill(1).fill(0, 20));
    const batch = { ...BATCH, frameMask, frames: floats([B, F, 3 * S * S]) };
    checkShapes(['clip-model'], { ...PICTURES, B, F, D, Dv, N: 20 }, () => encoder.encode(params, batch, {}));
  });
});

describe('pretrain-tasks', () => {
  const encoder = uniModel(UNI);
  const chosen = ({ rows }: { readonly rows: Int32Array }): Sizes => ({ M: rows.length });

  /** The loss of a task, checked. */
  function lossOf<Head extends ParamTree, Target>(
    task: Task<Head, Target>,
    batch: Batch,
    sizesOf: (target: Target) => Sizes,
  ): void {
    const params = encoder.init(randomKey(1));
    const corrupted = task.corrupt(batch, randomKey(3));
    const encoded = encoder.encode(params, corrupted.batch, {});
    const wordEmbeddings = encoder.wordEmbeddings(params);
    const head = task.init(randomKey(2), encoder);
    const input = { head, encoded, target: corrupted.target, wordEmbeddings, evaluating: true };
    checkShapes(['pretrain-tasks'], { ...SIZES, ...sizesOf(corrupted.target) }, () => task.loss(input));
  }

  it('mlm', () => lossOf(mlm({ mask: 4, special: [0, 1, 2, 3, 4], vocabSize: V, probability: 0.5 }), BATCH, chosen));
  it('mfm', () => lossOf(mfm({ probability: 0.5 }), BATCH, (target) => ({ ...chosen(target), N: B * F })));
  it('tag', () => lossOf(tag({ tagCount: T }), { ...BATCH, tags: [[1], [], [4, 5]] }, () => ({ N: 2 })));
  it('ftm', () =>
    lossOf(ftm(), { ...BATCH, frameMask: ints([B, F], new Int32Array(B * F).fill(1, F)) }, () => ({ N: 2 })));
  it('ftc', () => {
    const pastTexts = [[20, 21], [22], [23, 24], [25]].map((text) => Int32Array.from(text));
    lossOf(ftc({ separator: 3 }), { ...BATCH, pastTexts }, () => ({ M: B, N: 4 }));
  });

  it('clip', () => {
    const { N, S } = PICTURES;
    const model = clip({ vision: TOWER, text: MODEL });
    const params = model.init(randomKey(1));
    const past = 2;
    const texts = { tokens: ints([B + past, L]), segments: ints([B + past, L]) };
    const textMask = ints([B + past, L], new Int32Array((B + past) * L).fill(1));
    const pixels = floats([N, 3, S, S], wave(N * 3 * S * S, 0.5, 1));
    const batch = { ids: BATCH.ids, pixels, owner: Int32Array.of(0, 0, 1, 2), ...texts, textMask };
    checkShapes(['pretrain-tasks'], { ...SIZES, N, M: past }, () => model.loss(params, batch));
  });

  /** What Q videos of this process and one of another look like here. */
  const Q = 2;
  const communicator: Communicator = {
    ...single,
    size: 2,
    blocking: { ...single.blocking, allGatherParts: (part) => [part, part.slice(0, part.length / Q) as typeof part] },
  };

  it('a part of ftc', () => {
    const task = ftc({ separator: 3 });
    const past = [[20, 21], [22], [23, 24], [25]].map((text) => Int32Array.from(text));
    const { batch, target } = task.corrupt({ ...BATCH, pastTexts: past }, randomKey(3));
    const divided = task.divide!(target, batch, { index: 1, count: 2 });
    const params = encoder.init(randomKey(1));
    const encoded = encoder.encode(params, nn.takeRows(batch, divided.rows), {});
    const wordEmbeddings = encoder.wordEmbeddings(params);
    const input = { head: task.init(randomKey(2), encoder), encoded, target: divided.target, wordEmbeddings };
    const sizes = { ...SIZES, Q, M: past.length, N: past.length };
    checkShapes(['pretrain-tasks'], sizes, () => task.loss({ ...input, evaluating: true, communicator }));
  });

  it('all of clip as the part of one, for its own comments are of a whole batch', () => {
    const { N, S } = PICTURES;
    const model = clip({ vision: TOWER, text: MODEL });
    const params = model.init(randomKey(1));
    const past = 2;
    const texts = { tokens: ints([B + past, L]), segments: ints([B + past, L]) };
    const textMask = ints([B + past, L], new Int32Array((B + past) * L).fill(1));
    const pixels = floats([N, 3, S, S], wave(N * 3 * S * S, 0.5, 1));
    const rows = Int32Array.from({ length: B + past }, (_, i) => i);
    const shared = { communicator: single, rows, total: B, first: 0, hidden: new Float32Array(B * (B + past)) };
    const batch = { ids: BATCH.ids, pixels, owner: Int32Array.of(0, 0, 1, 2), ...texts, textMask, shared };
    checkShapes(['pretrain-tasks'], { ...SIZES, N, Q: B, M: past }, () => model.loss(params, batch));
  });
});

describe('finetune', () => {
  it.each(['mean', 'attention', 'cls', 'both'] as const)('pools by %s', (pooling: Pooling) => {
    const config = { hiddenSize: D, pooling, outputs: C, dropout: 0.1 };
    const encoded = { text: tf.ones([B, L, D]), frames: tf.ones([B, F, D]), cls: tf.ones([B, D]) } as nn.Encoded;
    const head = newHead(randomKey(1), config);
    checkShapes(['finetune'], { ...SIZES, N: L + F }, () => applyHead(head, encoded, BATCH, config));
  });

  it('in the losses', () => {
    const [logits, shares] = [tf.ones<tf.Rank.R2>([B, C]), new Float32Array(B).fill(1 / B)];
    checkShapes(['finetune'], SIZES, () => softCrossEntropy(logits, new Float32Array(B * C), shares));
    checkShapes(['finetune'], SIZES, () => disagreement(logits, tf.zeros([B, C]), shares));
    const asymmetry = { gammaPositive: 1, gammaNegative: 4, clip: 0.05 };
    const N = 11;
    const sizes = { ...SIZES, N };
    checkShapes(['finetune'], sizes, () => asymmetricLoss(tf.ones([N, T]), tf.zeros([N, T]), asymmetry));
    checkShapes(['finetune'], sizes, () => cosentLoss(tf.ones([N]), new Float32Array(N)));
    const M = 2;
    checkShapes(['finetune'], { ...sizes, M }, () => rankingLoss(tf.ones([N, D]), tf.ones([N + M, D])));
  });
});

const sources = readdirSync(join(ROOT, 'packages'), { recursive: true, encoding: 'utf8' }).filter((path) =>
  /^[^/]+\/src\/.*\.ts$/.test(path),
);
const comments = sources.flatMap((path) => {
  const file = join(ROOT, 'packages', path);
  return shapeComments(parse(file, readFileSync(file, 'utf8'))).map(({ line, spec }) => {
    return { place: `packages/${path}:${line}`, spec };
  });
});

it('every comment is in the letters of the legend', () => {
  for (const { place, spec } of comments) expect(() => parseShapes(spec), place).not.toThrow();
});

/** Those whose code needs a video, a decoder and threads. */
const UNCHECKED = /^packages\/video-features\//;

it('every comment was checked', () => {
  expect(comments.length).toBeGreaterThan(70);
  const missed = comments.filter(({ place }) => !UNCHECKED.test(place) && !checkedComments.has(place));
  expect(missed).toEqual([]);
});
