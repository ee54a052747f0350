import { floats, foldIn, ints, permutation, randomKey, type Batch } from '@wbdc/nn';
import { expect } from 'vitest';
import { wave } from '../../../tools/testing.js';

export const [B, L, F, DV, V] = [101, 53, 31, 2, 997];
export const special = [0, 1, 2, 3, 4];

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

export const batch = makeBatch();
export const keys = Array.from({ length: 200 }, (_, i) => foldIn(randomKey(77), i));

/** That a share of so many draws is what it should be, to five standard deviations. */
export function expectShare(hits: number, draws: number, share: number): void {
  expect(Math.abs(hits / draws - share)).toBeLessThan(5 * Math.sqrt((share * (1 - share)) / draws));
}
