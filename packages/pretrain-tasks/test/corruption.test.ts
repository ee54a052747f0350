import { floats, ints, permutation, randomKey, foldIn, takeRows, type Batch } from '@wbdc/nn';
import { describe, expect, it } from 'vitest';
import { wave } from '../../../tools/testing.js';
import { chineseWords, ftc, ftm, mfm, mlm, mmm, packFrames, packTexts, tag } from '../src/index.js';

const [B, L, F, DV, V] = [101, 53, 31, 2, 997];
const special = [0, 1, 2, 3, 4];

/** Rows `[CLS] title [SEP] ocr [SEP] [PAD]...` of changing lengths, with one `[UNK]` in each title. */
function makeBatch(): Batch {
  const batch = {
    ids: Array.from({ length: B }, (_, i) => `${i}`),
    tokens: ints([B, L]),
    segments: ints([B, L]),
    textMask: ints([B, L]),
    frames: floats([B, F, DV], wave(B * F * DV, 1, 1, 3)),
    frameMask: ints([B, F]),
    spans: [] as { field: string; start: number; end: number }[][],
    tags: Array.from({ length: B }, (_, i) => (i % 3 === 0 ? [] : [i % 7, 7 + (i % 5)])),
  };
  for (let row = 0; row < B; row++) {
    const [title, ocr] = [20 + (row % 7), 10 + (row % 11)];
    const words = permutation(foldIn(randomKey(1), row), V - 5).map((id) => id + 5);
    const tokens = [2, 1, ...words.subarray(0, title - 1), 3, ...words.subarray(title, title + ocr), 3];
    batch.tokens.data.set(tokens, row * L);
    batch.textMask.data.fill(1, row * L, row * L + tokens.length);
    batch.frameMask.data.fill(1, row * F, row * F + 1 + (row % F));
    batch.spans.push([
      { field: 'title', start: 1, end: 1 + title },
      { field: 'ocr', start: 2 + title, end: 2 + title + ocr },
    ]);
  }
  return batch;
}

const batch = makeBatch();
const keys = Array.from({ length: 200 }, (_, i) => foldIn(randomKey(77), i));

/** That a share of so many draws is what it should be, to five standard deviations. */
function expectShare(hits: number, draws: number, share: number): void {
  expect(Math.abs(hits / draws - share)).toBeLessThan(5 * Math.sqrt((share * (1 - share)) / draws));
}

describe('mlm', () => {
  const maskable = batch.tokens.data.filter((id) => id > 4).length;
  /** Enough for a million draws. */
  const many = Array.from({ length: Math.ceil(1e6 / maskable) }, (_, i) => foldIn(randomKey(78), i));

  it.each([0.15, 0.3])('chooses %f of the tokens over a million draws', (probability) => {
    const task = mlm({ mask: 4, special, vocabSize: V, probability });
    const chosen = many.reduce((sum, key) => sum + task.corrupt(batch, key).target.rows.length, 0);
    expectShare(chosen, maskable * many.length, probability);
  });

  it('masks whole words at the same rate', () => {
    const pairs = (tokens: ArrayLike<number>) => Int32Array.from({ length: tokens.length }, (_, i) => i >> 1);
    const task = mlm({ mask: 4, special, vocabSize: V, probability: 0.3, words: pairs });
    const chosen = many.reduce((sum, key) => sum + task.corrupt(batch, key).target.rows.length, 0);
    expectShare(chosen / 2, (maskable * many.length) / 2, 0.3); // about half as many independent draws
  });

  it('masks 80 %, keeps 10 % and draws 10 % of a million chosen tokens, and never touches special ones or padding', () => {
    const task = mlm({ mask: 4, special, vocabSize: V, probability: 1 });
    const seen = { chosen: 0, masked: 0, kept: 0, drawn: 0 };
    for (const key of many) {
      const { batch: corrupted, target } = task.corrupt(batch, key);
      const chosen = new Set(target.rows);
      corrupted.tokens.data.forEach((id, row) => {
        const original = batch.tokens.data[row];
        if (!chosen.has(row)) return void (id === original || expect.fail(`position ${row} changed unasked`));
        seen.chosen++;
        if (id === 4) seen.masked++;
        else if (id === original) seen.kept++;
        else if (special.includes(id)) expect.fail(`drew the special token ${id}`);
        else seen.drawn++;
      });
      target.rows.forEach((row, i) => {
        if (target.labels[i] !== batch.tokens.data[row] || target.labels[i] <= 4) expect.fail(`wrong label at ${row}`);
      });
    }
    expect(seen.chosen).toBe(maskable * many.length);
    expectShare(seen.masked, seen.chosen, 0.8);
    // A drawn token may be the one that stood there.
    expectShare(seen.kept, seen.chosen, 0.1 + 0.1 / (V - special.length));
    expectShare(seen.drawn, seen.chosen, 0.1 - 0.1 / (V - special.length));
  });

  it('stays inside the asked fields', () => {
    const { target } = mlm({ mask: 4, special, vocabSize: V, probability: 1, fields: ['ocr'] }).corrupt(batch, keys[0]);
    const inOcr = batch.spans.reduce((sum, [, { start, end }]) => sum + end - start, 0);
    expect(target.rows.length).toBe(inOcr);
  });

  it('leaves the batch it was given alone and depends on nothing but the key', () => {
    const before = batch.tokens.data.slice();
    const run = (key: number) => mlm({ mask: 4, special, vocabSize: V }).corrupt(batch, keys[key]).target.rows;
    expect(run(0)).toEqual(run(0));
    expect(run(0)).not.toEqual(run(1));
    expect(batch.tokens.data).toEqual(before);
  });

  it('has the most frequent ordinary token as its baseline', () => {
    const tokenCounts = new Float64Array(V).fill(1);
    tokenCounts[2] = 1000;
    tokenCounts[7] = 10;
    const target = { rows: Int32Array.of(1, 2, 3, 5), labels: Int32Array.of(7, 8, 7, 9) };
    const { accuracy } = mlm({ mask: 4, special, vocabSize: V }).baseline(target, { tokenCounts, tagCounts: [] });
    expect(accuracy).toEqual({ sum: 2, count: 4 });
  });
});

describe('mfm', () => {
  it('also chooses among the frames of earlier batches, which are never the answer', () => {
    const pastFrames = packFrames(takeRows(batch, [5, 9]));
    const plain = mfm().corrupt(batch, keys[0]);
    const queued = mfm().corrupt({ ...batch, pastFrames }, keys[0]);
    const own = plain.target.candidates.shape[0];
    expect(pastFrames.shape).toEqual([6 + 10, DV]);
    expect(queued.target.candidates.shape).toEqual([own + 16, DV]);
    expect(queued.target.candidates.data.slice(0, own * DV)).toEqual(plain.target.candidates.data);
    expect(queued.target.candidates.data.slice(own * DV)).toEqual(pastFrames.data);
    expect(queued.target.labels).toEqual(plain.target.labels);
    expect(queued.batch.frames).toEqual(plain.batch.frames);
  });

  const { batch: corrupted, target } = mfm({ probability: 0.25 }).corrupt(batch, keys[0]);
  const valid = batch.frameMask.data.filter((m) => m === 1).length;

  it('zeroes its share of valid frames, and no others', () => {
    const many = Array.from({ length: Math.ceil(1e6 / valid) }, (_, i) => foldIn(randomKey(79), i));
    const masked = many.reduce(
      (sum, key) => sum + mfm({ probability: 0.25 }).corrupt(batch, key).target.rows.length,
      0,
    );
    expectShare(masked, valid * many.length, 0.25);
    const zeroed = new Set(target.rows);
    for (let row = 0; row < B * F; row++) {
      const now = [...corrupted.frames.data.subarray(row * DV, (row + 1) * DV)];
      const then = [...batch.frames.data.subarray(row * DV, (row + 1) * DV)];
      expect(now).toEqual(zeroed.has(row) ? [0, 0] : then);
      if (zeroed.has(row)) expect(batch.frameMask.data[row]).toBe(1);
    }
  });

  it('offers the unmasked features of all valid frames, the own one at the label', () => {
    expect(target.candidates.shape).toEqual([valid, DV]);
    target.rows.forEach((row, i) => {
      const own = target.candidates.data.subarray(target.labels[i] * DV, (target.labels[i] + 1) * DV);
      expect([...own]).toEqual([...batch.frames.data.subarray(row * DV, (row + 1) * DV)]);
    });
  });

  it('has chance as its baseline', () => {
    const { accuracy } = mfm().baseline(target, { tokenCounts: [], tagCounts: [] });
    expect((accuracy.sum as number) / accuracy.count).toBeCloseTo(1 / valid, 12);
  });

  it('refuses a temperature of 0', () => {
    expect(() => mfm({ temperature: 0 })).toThrow('expected a temperature above 0, got 0');
  });
});

describe('tag', () => {
  it('starts at a prior where one is given', () => {
    const sizes = { hiddenSize: 7, vocabSize: 11, frameSize: 5 };
    const bias = (prior?: number) => [...tag({ tagCount: 3, ...(prior !== undefined && { prior }) }).init(randomKey(1), sizes).output.bias.dataSync()]; // prettier-ignore
    expect(bias()).toEqual([0, 0, 0]);
    for (const value of bias(0.2)) expect(1 / (1 + Math.exp(-value))).toBeCloseTo(0.2, 6);
    expect(() => bias(1)).toThrow('a prior between 0 and 1, got 1');
  });

  it('leaves out videos without tags', () => {
    const { target } = tag({ tagCount: 12 }).corrupt(batch, keys[0]);
    expect(target.rows.length).toBe(batch.tags!.filter((tags) => tags.length > 0).length);
    expect(target.truth.data.reduce((sum, x) => sum + x, 0)).toBe(2 * target.rows.length);
  });

  it('names the video with a tag out of range, and a batch without tags', () => {
    expect(() => tag({ tagCount: 11 }).corrupt(batch, keys[0])).toThrow(
      'expected tag indices below 11, got 11 for video 4',
    );
    const { tags, ...bare } = batch;
    expect(tags).toHaveLength(B);
    expect(() => tag({ tagCount: 11 }).corrupt(bare, keys[0])).toThrow('expected a batch with tags');
  });
});

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
      tokens: ints([videos, 1]),
      segments: ints([videos, 1]),
      textMask: ints([videos, 1]),
      frames: floats([videos, 1, 1]),
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

describe('whole words', () => {
  const vocab = ['[PAD]', '中', '国', '人', '民', 'em', '##oji', '银', '行', '[UNK]'];

  it('groups characters into words and pieces with their heads', () => {
    const words = chineseWords(vocab)([1, 2, 5, 6, 7, 8, 9]);
    expect(words[0]).toBe(words[1]);
    expect(words[2]).toBe(words[3]);
    expect(words[4]).toBe(words[5]);
    expect(new Set(words).size).toBe(4);
  });

  it('masks all of a word or nothing', () => {
    const pairs = (tokens: ArrayLike<number>): Int32Array =>
      Int32Array.from({ length: tokens.length }, (_, i) => i >> 1);
    const { target } = mlm({
      mask: 4,
      special: [0, 1, 2, 3],
      vocabSize: V,
      probability: 0.3,
      words: pairs,
      fields: ['ocr'],
    }).corrupt(batch, keys[0]);
    const chosen = new Set(target.rows);
    batch.spans.forEach(([, { start, end }], video) => {
      for (let i = start; i + 1 < end; i += 2) expect(chosen.has(video * L + i)).toBe(chosen.has(video * L + i + 1));
    });
    expect(chosen.size).toBeGreaterThan(0);
  });
});
