import { floats, foldIn, ints, randomKey, takeRows, type Batch } from '@wbdc/nn';
import { describe, expect, it } from 'vitest';
import { ftc, ftm, mfm, mlm, mmm, packTexts, tag } from '../src/index.js';
import { B, DV, F, L, V, batch, expectShare, keys, special } from './corruption-batch.js';

describe('ftm', () => {
  const frameOf = (of: Batch, row: number): number[] => [...of.frames.data.subarray(row * F * DV, (row + 1) * F * DV)];

  it.each(['random', 'hard'] as const)('exchanges half of the videos, %s, and says which', (negatives) => {
    const task = ftm({ negatives });
    let mismatched = 0;
    for (const key of keys.slice(0, 50)) {
      const { batch: corrupted, target } = task.corrupt(batch, key);
      target.labels.forEach((label, row) => {
        const same =
          batch.frameMask.data[row * F] === 1 && String(frameOf(corrupted, row)) === String(frameOf(batch, row));
        expect(label === 1).toBe(same);
        expect(corrupted.matched![row]).toBe(label === 1);
        mismatched += 1 - label;
      });
    }
    expect(mismatched / (50 * B)).toBeCloseTo(0.5, 1);
  });

  it('exchanges its share over a million draws', () => {
    const videos = 1009;
    const small: Batch = {
      ids: Array.from({ length: videos }, String),
      tokens: ints(
        [videos, 1],
        Int32Array.from({ length: videos }, (_, i) => i),
      ),
      segments: ints([videos, 1]),
      textMask: ints([videos, 1]),
      frames: floats(
        [videos, 1, 1],
        Float32Array.from({ length: videos }, (_, i) => i),
      ),
      frameMask: ints([videos, 1], new Int32Array(videos).fill(1)),
      spans: [],
    };
    let exchanged = 0;
    for (let i = 0; i < 1000; i++) {
      const { labels } = ftm({ probability: 0.3 }).corrupt(small, foldIn(randomKey(80), i)).target;
      exchanged += labels.reduce((sum, label) => sum + 1 - label, 0);
    }
    expectShare(exchanged, 1000 * videos, 0.3);
  });

  it('takes alike videos for hard negatives', () => {
    const means = (of: Batch, row: number): number[] => {
      const valid = of.frameMask.data.subarray(row * F, (row + 1) * F).reduce((sum, m) => sum + m, 0);
      const mean = [0, 1].map((d) => {
        let sum = 0;
        for (let f = 0; f < valid; f++) sum += of.frames.data[(row * F + f) * DV + d];
        return sum / valid;
      });
      return mean.map((x) => x / Math.hypot(...mean));
    };
    const likeness = (negatives: 'random' | 'hard'): number => {
      const { batch: corrupted, target } = ftm({ negatives }).corrupt(batch, keys[0]);
      const rows = [...target.labels.keys()].filter((row) => target.labels[row] === 0);
      return (
        rows.reduce(
          (sum, row) =>
            sum + means(batch, row)[0] * means(corrupted, row)[0] + means(batch, row)[1] * means(corrupted, row)[1],
          0,
        ) / rows.length
      );
    };
    expect(likeness('hard')).toBeGreaterThan(likeness('random'));
  });

  it('leaves nothing to mlm and tag in mismatched rows, and lets mfm follow the frames', () => {
    const { batch: exchanged, target } = ftm({ probability: 0.6 }).corrupt(batch, keys[1]);
    const { target: text } = mlm({ mask: 4, special, vocabSize: V, probability: 1 }).corrupt(exchanged, keys[2]);
    for (const row of text.rows) expect(target.labels[Math.floor(row / L)]).toBe(1);
    const { target: tags } = tag({ tagCount: 12 }).corrupt(exchanged, keys[2]);
    for (const row of tags.rows) expect(target.labels[row]).toBe(1);
    const { target: masked } = mfm({ probability: 0.5 }).corrupt(exchanged, keys[2]);
    masked.rows.forEach((row, i) => {
      const own = masked.candidates.data.subarray(masked.labels[i] * DV, (masked.labels[i] + 1) * DV);
      expect([...own]).toEqual([...exchanged.frames.data.subarray(row * DV, (row + 1) * DV)]);
    });
  });

  it('leaves videos without frames where they are, and asks nothing of them', () => {
    const some = takeRows(batch, [3, 5, 7, 9]);
    some.frameMask.data.fill(0, F, 3 * F);
    const { batch: exchanged, target } = ftm({ probability: 1 }).corrupt(some, keys[0]);
    expect([...target.rows]).toEqual([0, 3]);
    expect([...target.labels]).toEqual([0, 0]);
    expect(exchanged.matched).toEqual([false, true, true, false]);
    expect(exchanged.frameMask.data.slice(F, 3 * F).every((m) => m === 0)).toBe(true);
  });

  it('keeps a single video as it is', () => {
    const one = takeRows(batch, [5]);
    expect([...ftm({ probability: 1 }).corrupt(one, keys[0]).target.labels]).toEqual([1]);
  });
});

describe('ftc', () => {
  const { batch: corrupted } = ftc({ separator: 3 }).corrupt(batch, keys[0]);
  const row = (r: number): number[] => {
    const [, length] = corrupted.tokens.shape;
    return [...corrupted.tokens.data.subarray(r * length, (r + 1) * length)].filter(
      (_, i) => corrupted.textMask.data[r * length + i],
    );
  };

  it('puts the title alone, and the rest with the frames', () => {
    expect(corrupted.ids).toEqual([...batch.ids, ...batch.ids]);
    [0, 7, B - 1].forEach((video) => {
      const [title, ocr] = batch.spans[video].map(({ start, end }) => [
        ...batch.tokens.data.subarray(video * L + start, video * L + end),
      ]);
      expect(row(video)).toEqual([2, ...title, 3]);
      expect(row(B + video)).toEqual([2, ...ocr, 3]);
      const [{ start, end }] = corrupted.spans[B + video];
      expect(row(B + video).slice(start, end)).toEqual(ocr);
    });
    expect(corrupted.frameMask.data.subarray(0, B * F).every((m) => m === 0)).toBe(true);
    expect(corrupted.frameMask.data.subarray(B * F)).toEqual(batch.frameMask.data);
  });

  it('puts the titles of earlier batches behind, but for those that a video of this batch has', () => {
    const past = packTexts(takeRows(batch, [5, 9]), 'title');
    expect(past.map((text) => [...text])).toEqual(
      [5, 9].map((video) => {
        const [{ start, end }] = batch.spans[video];
        return [...batch.tokens.data.subarray(video * L + start, video * L + end)];
      }),
    );
    const some = { ...takeRows(batch, [1, 5]), pastTexts: past };
    const { batch: queued, target } = ftc({ separator: 3 }).corrupt(some, keys[0]);
    expect(target).toEqual({ videos: 2, past: 1 });
    const length = queued.tokens.shape[1];
    const last = queued.tokens.data.subarray(4 * length, 4 * length + past[1].length + 2);
    expect([...last]).toEqual([2, ...past[1], 3]);
    expect(queued.frameMask.data.subarray(4 * F).every((m) => m === 0)).toBe(true);
    const plain = ftc({ separator: 3 }).corrupt(takeRows(batch, [1, 5]), keys[0]).batch;
    expect(takeRows(queued, [0, 1, 2, 3]).frames).toEqual(plain.frames);
    const { baseline } = ftc({ separator: 3 });
    expect(baseline(target, { tokenCounts: [], tagCounts: [] })).toMatchObject({
      'title to rest': { sum: 1, count: 2 },
      'rest to title': { sum: 2 / 3, count: 2 },
    });
  });

  it('leaves out videos without a title, and those with nothing else', () => {
    const some = takeRows(batch, [3, 5, 7]);
    const spans = [some.spans[0].slice(1), some.spans[1].slice(0, 1), some.spans[2]];
    some.frameMask.data.fill(0, F, 2 * F);
    const { batch: left, target } = ftc({ separator: 3 }).corrupt({ ...some, spans }, keys[0]);
    expect(target).toEqual({ videos: 1, past: 0 });
    expect(left.ids).toEqual(['7', '7']);
    const none = ftc({ separator: 3 }).corrupt({ ...some, spans: [[], [], []] }, keys[0]);
    expect(none.target).toEqual({ videos: 0, past: 0 });
    expect(none.batch.ids).toHaveLength(1); // an encoder wants a row
  });

  it('refuses a temperature of 0', () => {
    expect(() => ftc({ separator: 3, temperature: 0 })).toThrow("expected 'learned' or a temperature above 0, got 0");
  });
});

describe('mmm', () => {
  it('takes all frames from half of the videos and all text from the others', () => {
    const { batch: corrupted, target } = mmm({ mask: 4, special }).corrupt(batch, keys[0]);
    const frameless = new Set(Array.from(target.frames.rows, (row) => Math.floor(row / F)));
    const textless = new Set(Array.from(target.text.rows, (row) => Math.floor(row / L)));
    expect(frameless.size).toBe(Math.ceil(B / 2));
    expect(textless.size).toBe(Math.floor(B / 2));
    for (let video = 0; video < B; video++) {
      const tokens = corrupted.tokens.data.subarray(video * L, (video + 1) * L);
      expect(frameless.has(video)).toBe(!textless.has(video));
      expect(tokens.every((id) => id <= 4)).toBe(textless.has(video));
      const frames = corrupted.frames.data.subarray(video * F * DV, (video * F + 1) * DV);
      expect(frames.every((x) => x === 0)).toBe(frameless.has(video));
    }
    target.text.rows.forEach((row, i) => expect(target.text.labels[i]).toBe(batch.tokens.data[row]));
  });

  it('leaves out videos without frames', () => {
    const bare = { ...batch, frameMask: ints([B, F]) };
    const { batch: corrupted, target } = mmm({ mask: 4, special }).corrupt(bare, keys[0]);
    expect([target.text.rows.length, target.frames.rows.length]).toEqual([0, 0]);
    expect(corrupted.tokens.data).toEqual(batch.tokens.data);
  });
});
