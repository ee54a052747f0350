import * as tf from '@tensorflow/tfjs';
import { floats, ints, randomKey } from '@wbdc/nn';
import { clipRecipe } from '@wbdc/pipeline';
import type { ClipBatch } from '@wbdc/pretrain-tasks/clip';
import { expect, it } from 'vitest';
import { parseSettings } from '../../src/settings/parse.js';
import { clipSchema } from '../../src/settings/clip.js';

const SIZES = { width: 8, layers: 1, heads: 1 };
const settings = parseSettings(clipSchema, {
  vision: { ...SIZES, imageSize: 8, patchSize: 8 },
  text: { ...SIZES, budget: 4 },
});

/** A token each and a picture of one colour each. */
function batchOf(titles: readonly number[], colours: readonly number[]): ClipBatch {
  const count = titles.length;
  return {
    ids: titles.map((_, i) => String(i)),
    pixels: floats(
      [count, 3, 8, 8],
      Float32Array.from({ length: count * 192 }, (_, i) => colours[Math.floor(i / 192)]),
    ),
    owner: Int32Array.from(titles.keys()),
    tokens: ints([count, 2], Int32Array.from(titles.flatMap((title) => [2, title]))),
    segments: ints([count, 2]),
    textMask: ints([count, 2], new Int32Array(2 * count).fill(1)),
  };
}

it.each([
  ['titles', [5, 5], [0.1, 0.9]],
  ['pictures', [5, 6], [0.5, 0.5]],
])(
  'videos of equal %s are no wrong answers for each other, in whichever batch they stand',
  async (_, titles, colours) => {
    await tf.setBackend('cpu');
    const recipe = clipRecipe(settings, 9, randomKey(1));
    const batches = titles.map((title, i) => batchOf([title], [colours[i]]));
    const measured = await recipe.evaluate(
      (async function* () {
        yield* batches;
      })(),
    );
    expect(measured['recall@1']).toEqual({ value: 1, baseline: 1 });
    const other = await recipe.evaluate(
      (async function* () {
        yield batchOf([5, 6, 7, 5], [0.1, 0.5, 0.9, 0.3]);
      })(),
    );
    expect(other['recall@1'].baseline).toBeCloseTo((1 / 3 + 1 / 4 + 1 / 4 + 1 / 3) / 4, 12);
    expect(other['recall@5']).toEqual({ value: 1, baseline: 1 });
  },
);
