import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as tf from '@tensorflow/tfjs';
import { disposeTree, flatten, ints, randomKey, type Ints } from '@wbdc/nn';
import { beforeEach, describe, expect, it } from 'vitest';
import { ENGINES, distance, fillWithWaves, useEngine, wave } from '../../../tools/testing.js';
import {
  CLIP_TEXT_B32,
  clipText,
  clipTextKeyMap,
  clipTextShapes,
  clipVision,
  parseClipTextConfig,
  type ClipTexts,
} from '../src/index.js';
import { loadClipText, loadClipVision, saveClipText } from '../src/node.js';
import { FIXTURES, compareTower, fixtureJson, type TowerFixture } from './fixtures.js';

interface Texts {
  readonly tokens: number[][];
  readonly mask: number[][];
  readonly pooled: number[];
  readonly projected: number[];
}
type Case = Texts & TowerFixture & { readonly config: object };
const { cases, whole } = fixtureJson<{ cases: Case[]; whole: Texts & { seen: number[] } }>('clip-text.json');
const table = (rows: number[][]): Ints => ints([rows.length, rows[0].length], Int32Array.from(rows.flat()));
const textsOf = ({ tokens, mask }: Texts): ClipTexts => ({ tokens: table(tokens), textMask: table(mask) });
const configOf = ({ config }: Case) => parseClipTextConfig({ model_type: 'clip_text_model', ...config }, true);
const masked = (x: tf.Tensor, { data, shape: [b, l] }: Ints): tf.Tensor =>
  tf.mul(x, tf.tensor3d(Float32Array.from(data), [b, l, 1]));

describe.each(ENGINES)('the CLIP text tower on %s', (engine) => {
  beforeEach(() => useEngine(engine));

  it.each(cases.map((of) => ({ of, about: JSON.stringify(configOf(of)) })))('equals transformers: $about', ({ of }) => {
    const tower = clipText(configOf(of));
    const params = tower.init(randomKey(1));
    fillWithWaves(flatten(params));
    const position = params.position as tf.Tensor as tf.Variable;
    tf.tidy(() => position.assign(tf.mul(position, 0.25))); // two equal waves may cancel out
    const texts = textsOf(of);
    const forward = () => {
      const { hidden, ...rest } = tower.forward(params, texts);
      return { hidden: masked(hidden, texts.textMask), ...rest };
    };
    compareTower(params, forward, of);
    disposeTree(params);
  });

  it('sees neither what comes later nor padding, and leaves nothing behind', () => {
    const [of] = cases;
    const tower = clipText(configOf(of));
    const params = tower.init(randomKey(1));
    const changed = of.tokens.map((row, i) => row.map((token, at) => (of.mask[i][at] === 1 ? token : 5)));
    const run = (tokens: number[][]) =>
      tf.tidy(() =>
        tower
          .forward(params, textsOf({ ...of, tokens }))
          .pooled.dataSync()
          .slice(),
      );
    const before = tf.memory().numTensors;
    expect(run(changed)).toEqual(run(of.tokens));
    expect(tf.memory().numTensors).toBe(before);
  });
});

describe('a published CLIP', () => {
  const FOLDER = fileURLToPath(new URL('clip-whole', FIXTURES));
  beforeEach(() => useEngine('cpu'));

  it('gives both towers, each equal to transformers', async () => {
    const text = await loadClipText(FOLDER);
    // The file says 2, which is wrong and published so: the end is the last token of the vocabulary.
    expect(text.config).toMatchObject({ endToken: text.config.vocabSize - 1, projection: 5 });
    expect(text.report.missing).toEqual([]);
    expect(new Set(text.report.unused.map(({ reason }) => reason))).toEqual(
      new Set(['the vision tower', 'the temperature of the two towers']),
    );
    const { pooled, projected } = clipText(text.config).forward(text.params, textsOf(whole));
    expect(distance(pooled.dataSync(), whole.pooled)).toBeLessThan(1e-5);
    expect(distance(projected!.dataSync(), whole.projected)).toBeLessThan(1e-5);
    const vision = await loadClipVision(FOLDER);
    const seen = clipVision(vision.config).forward(vision.params, tf.tensor4d(wave(96, 0, 0.9), [2, 3, 4, 4]));
    expect(distance(seen.projected!.dataSync(), whole.seen)).toBeLessThan(1e-5);
  });

  it('comes back bit by bit after saving', async () => {
    const { config, params } = await loadClipText(FOLDER);
    const folder = await mkdtemp(join(tmpdir(), 'clip-text-'));
    await saveClipText(folder, params, config);
    const again = await loadClipText(folder);
    expect(again.config).toEqual(config);
    const bits = (of: typeof params) => flatten(of).map(({ path, leaf }) => [path, leaf.dataSync().slice()]);
    expect(bits(again.params)).toEqual(bits(params));
    expect(JSON.parse(await readFile(join(folder, 'config.json'), 'utf8'))).toMatchObject({
      architectures: ['CLIPTextModelWithProjection'],
      eos_token_id: config.endToken,
    });
    await rm(folder, { recursive: true });
  });
});

it('knows the paths and shapes of a fresh tower, and the sizes of the published one', async () => {
  await useEngine('cpu');
  const config = configOf(cases[1]);
  const fresh = flatten(clipText(config).init(randomKey(1))).map(({ path, leaf }) => [path, leaf.shape]);
  expect([...clipTextShapes(config)]).toEqual(fresh);
  const mapped = clipTextKeyMap(config).entries.map(({ path }) => path);
  expect(mapped.sort()).toEqual(fresh.map(([path]) => path).sort());
  const count = [...clipTextShapes(CLIP_TEXT_B32).values()].reduce((sum, s) => sum + s.reduce((a, b) => a * b, 1), 0);
  expect(count).toBe(63_428_096); // the 63 million of transformers' CLIPTextModelWithProjection
  expect(
    parseClipTextConfig({ model_type: 'clip', text_config: { eos_token_id: 2 }, projection_dim: 512 }, true),
  ).toEqual(CLIP_TEXT_B32);
});

it('says what does not fit', async () => {
  await useEngine('cpu');
  const config = configOf(cases[0]);
  const tower = clipText(config);
  const params = tower.init(randomKey(1));
  const rows = (tokens: number[][]) => textsOf({ ...cases[0], tokens, mask: tokens.map((row) => row.map(() => 1)) });
  expect(() =>
    tower.forward(
      params,
      rows([
        [1, config.endToken],
        [1, 3],
      ]),
    ),
  ).toThrow(`expected the end token ${config.endToken} in every text, got none in row 1`);
  expect(() => tower.forward(params, rows([Array<number>(12).fill(1)]))).toThrow(
    `expected at most ${config.maxPositions} tokens, got 12`,
  );
  expect(() => clipText({ ...config, heads: 100 })).toThrow(
    `expected a number of heads that divides width ${config.width}, got 100`,
  );
});
