import { foldIn, randomKey, takeRows } from '@wbdc/nn';
import { describe, expect, it } from 'vitest';
import { chineseWords, mfm, mlm, packFrames, tag, type MlmHead } from '../src/index.js';
import { B, DV, F, L, V, batch, expectShare, keys, special } from './corruption-batch.js';

describe('mlm', () => {
  const maskable = batch.tokens.data.filter((id) => id > 4).length;
  /** Enough for a million draws. */
  const many = Array.from({ length: Math.ceil(1e6 / maskable) }, (_, i) => foldIn(randomKey(78), i));

  it.each([0.15, 0.3])('chooses %f of the tokens over a million draws', (probability) => {
    const task = mlm({ mask: 4, special, vocabSize: V, probability });
    const chosen = many.reduce((sum, key) => sum + task.corrupt(batch, key).target.rows.length, 0);
    expectShare(chosen, maskable * many.length, probability);
  });

  it("starts at the tokens' shares where they are given", () => {
    const sizes = { hiddenSize: 7, vocabSize: 5, frameSize: 3 };
    const bias = (options: object) => {
      const head = mlm({ mask: 1, special: [0, 1], vocabSize: 5, ...options }).init(randomKey(1), sizes) as MlmHead;
      return [...head.bias.dataSync()];
    };
    expect(bias({})).toEqual([0, 0, 0, 0, 0]);
    const shares = bias({ tokenCounts: [90, 90, 30, 10, 0] }).map(Math.exp);
    [0.5, 0.5, 30.5, 10.5, 0.5].forEach((count, id) => expect(shares[id]).toBeCloseTo(count / 42.5, 6));
    expect(() => bias({ tokenCounts: [1] })).toThrow('tokenCounts: expected a number for each of 5 tokens, got 1');
  });

  it('masks whole words at the same rate', () => {
    const pairs = (tokens: ArrayLike<number>) => Int32Array.from({ length: tokens.length }, (_, i) => i >> 1);
    const task = mlm({ mask: 4, special, vocabSize: V, probability: 0.3, words: pairs });
    const chosen = many.reduce((sum, key) => sum + task.corrupt(batch, key).target.rows.length, 0);
    expectShare(chosen / 2, (maskable * many.length) / 2, 0.3); // about half as many independent draws
  });

  it('masks 80 %, keeps 10 %, draws 10 % of a million chosen tokens, and touches no special ones or padding', () => {
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
    const bias = (prior?: number) => [
      ...tag({ tagCount: 3, ...(prior !== undefined && { prior }) })
        .init(randomKey(1), sizes)
        .output.bias.dataSync(),
    ];
    expect(bias()).toEqual([0, 0, 0]);
    for (const value of bias(0.2)) expect(1 / (1 + Math.exp(-value))).toBeCloseTo(0.2, 6);
    expect(() => bias(1)).toThrow('a prior between 0 and 1, got 1');
  });

  it('leaves out videos without tags', () => {
    const { target } = tag({ tagCount: 12 }).corrupt(batch, keys[0]);
    expect(target.rows.length).toBe(batch.tags!.filter((tags) => tags.length > 0).length);
    expect(target.truth.data.reduce((sum, x) => sum + x, 0)).toBe(2 * target.rows.length);
  });

  it('tells a category by its own frequency, and refuses a video with two', () => {
    const labelled = { ...batch, tags: batch.tags!.map((tags) => tags.slice(0, 1)) };
    const task = tag({ tagCount: 12, exclusive: true });
    const { target } = task.corrupt(labelled, keys[0]);
    const counts = new Float64Array(12);
    for (const [label] of labelled.tags) if (label !== undefined) counts[label]++;
    const { accuracy } = task.baseline!(target, { tokenCounts: [], tagCounts: counts });
    expect(accuracy).toEqual({ sum: Math.max(...counts), count: target.rows.length });
    expect(() => task.corrupt(batch, keys[0])).toThrow('expected one label a video, got 2');
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
