import * as tf from '@tensorflow/tfjs';
import { floats, groupRows, hideEqual, ints, randomKey, type Batch, type Encoded } from '@wbdc/nn';
import { beforeEach, describe, expect, it } from 'vitest';
import { ENGINES, readMetricsNow, useEngine } from '../../../tools/testing.js';
import { contrastiveLoss, ftc, ftm, mfm } from '../src/index.js';

const [SEP, WIDTH] = [3, 2];
const CORPUS = { tokenCounts: new Float64Array(9), tagCounts: [] };

/** One title of one token and one frame per video. */
function videosOf(titles: readonly number[], frames: readonly number[], count = 1): Batch {
  const videos = titles.length;
  return {
    ids: titles.map((_, i) => `${i}`),
    tokens: ints([videos, 3], Int32Array.from(titles.flatMap((title) => [2, title, SEP]))),
    segments: ints([videos, 3]),
    textMask: ints([videos, 3], new Int32Array(3 * videos).fill(1)),
    frames: floats([videos, count, WIDTH], Float32Array.from(frames)),
    frameMask: ints([videos, count], new Int32Array(videos * count).fill(1)),
    spans: titles.map(() => [{ field: 'title', start: 1, end: 2 }]),
  };
}

describe('rows', () => {
  it('of the same values are a group', () => {
    expect([...groupRows([[1, 2], [3], [1, 2], [2, 1], [NaN], [NaN]])]).toEqual([0, 1, 0, 3, 4, 5]);
  });

  it('that equal an answer are hidden, and nothing is where there are none', () => {
    const bias = hideEqual([0, 1], Int32Array.of(0, 1, 0), Int32Array.of(0, 0, 2))!;
    expect([...bias].map((value) => value < 0)).toEqual([false, true, true, true, false, false]);
    expect(hideEqual([0, 1], Int32Array.of(0, 1, 2))).toBeUndefined();
  });
});

describe.each(ENGINES)('equal samples are no wrong answers on %s', (engine) => {
  beforeEach(() => useEngine(engine));

  it('a perfect model reaches a contrastive loss of 0, and finds all', () => {
    const titles = tf.tensor2d([
      [1, 0, 0],
      [1, 0, 0],
      [0, 1, 0],
      [0, 0, 1],
    ]);
    const hidden = hideEqual([0, 1, 2, 3], groupRows([[7], [7], [8], [9]]));
    const { loss, metrics } = contrastiveLoss(titles, titles, tf.scalar(Math.log(100)), { hidden });
    expect(loss.dataSync()[0]).toBeCloseTo(0, 5);
    const found = Object.values(readMetricsNow(metrics)).map(({ sum, count }) => sum / count);
    expect(found).toEqual([1, 1]);
  });

  it.each([
    ['titles', [5, 5, 6], [1, 2, 3, 4, 5, 6]],
    ['frames', [5, 6, 7], [1, 2, 1, 2, 5, 6]],
  ])('ftc leaves out equal %s', (_what, titles, frames) => {
    const task = ftc({ separator: SEP, temperature: 0.01 });
    const { target } = task.corrupt(videosOf(titles, frames), randomKey(1));
    const states = [
      [1, 0, 0],
      [1, 0, 0],
      [0, 1, 0],
    ];
    const cls = tf.tensor2d([...states, ...states]);
    const encoded = { text: tf.zeros([6, 1, 3]), frames: tf.zeros([6, 1, 3]), cls } as Encoded;
    const head = task.init(randomKey(1), { hiddenSize: 3, vocabSize: 9, frameSize: WIDTH });
    const { loss, metrics } = task.loss({ head, encoded, target, wordEmbeddings: tf.zeros([9, 3]), evaluating: true });
    expect(loss.dataSync()[0]).toBeCloseTo(0, 5);
    for (const { sum, count } of Object.values(readMetricsNow(metrics))) expect(sum).toBe(count);
    // Chance is one of what is left: two for each of the equal ones, three for the third.
    const chances = Object.values(task.baseline(target, CORPUS));
    expect(chances).toHaveLength(2);
    for (const { sum, count } of chances) expect(sum / count).toBeCloseTo((1 / 2 + 1 / 2 + 1 / 3) / 3, 12);
  });

  it('the frames of a still video are one answer', () => {
    const still = videosOf([5], Array.from({ length: 16 }, () => [0.6, 0.8]).flat(), 16);
    const task = mfm({ probability: 0.5, normalize: true, temperature: 0.07 });
    const { target } = task.corrupt(still, randomKey(1));
    const encoded = { text: tf.zeros([1, 3, 3]), frames: tf.zeros([1, 16, 3]), cls: tf.zeros([1, 3]) } as Encoded;
    const head = task.init(randomKey(1), { hiddenSize: 3, vocabSize: 9, frameSize: WIDTH });
    const { loss } = task.loss({ head, encoded, target, wordEmbeddings: tf.zeros([9, 3]), evaluating: true });
    expect(target.rows.length).toBeGreaterThan(3);
    expect(loss.dataSync()[0]).toBeCloseTo(0, 5);
    expect(task.baseline(target, CORPUS)).toEqual({ accuracy: { sum: target.rows.length, count: target.rows.length } });
  });
});

it('ftm calls no unchanged pair a mismatch', () => {
  for (let seed = 0; seed < 50; seed++) {
    const { target } = ftm({}).corrupt(videosOf([5, 6], [1, 2, 1, 2]), randomKey(seed));
    expect([...target.labels]).toEqual([1, 1]);
    const { target: sameText } = ftm({}).corrupt(videosOf([5, 5], [1, 2, 3, 4]), randomKey(seed));
    expect([...sameText.labels]).toEqual([1, 1]);
  }
});
