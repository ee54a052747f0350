import { gatherValues, type Communicator } from '@wbdc/distributed';
import { ints, type Ints, type Key } from '@wbdc/nn';
import { equalClips, type ClipBatch } from '@wbdc/pretrain-tasks/clip';
import type { BatchPosition } from '../training/order.js';
import { takePart } from '../training/take-part.js';

/**
 * Reads frames and titles: of each video at most `limit` frames, drawn by the key, and the titles of `past` videos
 * behind those of the batch; but for titles that one of `all` has, which are those of the batch where none are given.
 */
export type ReadPictures = (
  indices: readonly number[],
  limit: number,
  key: Key,
  past: readonly number[],
  all?: readonly number[],
) => Promise<ClipBatch>;

/**
 * Reads what a process computes of a batch: of several, the pictures of its own videos alone, and what it must know of
 * the others: how many there are, which say or show the same, and how long their titles are.
 */
export async function readPart(
  read: ReadPictures,
  { indices, key, part }: BatchPosition,
  limit: number,
  past: readonly number[],
  communicator: Communicator,
): Promise<ClipBatch> {
  if (part === undefined) return read(indices, limit, key, past);
  const batch = await read(takePart(indices, part), limit, key, past, indices);
  const count = batch.ids.length;
  const titles = titlesOf(batch);
  const own = { titles: titles.slice(0, count), pictures: await picturesOf(batch), length: batch.tokens.shape[1] };
  const all = await gatherValues(communicator, own);
  const first = all.slice(0, communicator.rank).reduce((sum, one) => sum + one.titles.length, 0);
  const total = all.reduce((sum, one) => sum + one.titles.length, 0);
  const behind = titles.slice(count);
  const rows = titles.map((_, i) => (i < count ? first + i : total + i - count));
  const pad = padded(Math.max(...all.map(({ length }) => length)));
  return {
    ...batch,
    tokens: pad(batch.tokens),
    segments: pad(batch.segments),
    textMask: pad(batch.textMask),
    shared: {
      communicator,
      rows: Int32Array.from(rows),
      ...{ total, first },
      hidden: equalClips(
        all.flatMap((one) => one.titles),
        all.flatMap((one) => one.pictures),
        behind,
      ),
    },
  };
}

/** The token ids of every title, without padding. */
export function titlesOf({ tokens: { data, shape }, textMask }: ClipBatch): string[] {
  const [rows, width] = shape;
  return Array.from({ length: rows }, (_, row) => {
    const kept = textMask.data.subarray(row * width, (row + 1) * width);
    return data.subarray(row * width, row * width + kept.lastIndexOf(1) + 1).join();
  });
}

/** The same for videos of the same pictures in the same order: SHA-256 of each one's pixels. */
export function picturesOf({ ids, pixels: { data, shape }, owner }: ClipBatch): Promise<string[]> {
  const size = data.length / shape[0];
  return Promise.all(
    ids.map(async (_, video) => {
      const shown = [...owner.keys()].filter((frame) => owner[frame] === video);
      const values = new Float32Array(shown.length * size);
      shown.forEach((frame, i) => values.set(data.subarray(frame * size, (frame + 1) * size), i * size));
      return new Uint8Array(await crypto.subtle.digest('SHA-256', values)).join();
    }),
  );
}

/** Rows `[N, L]` with so many columns, zeros behind. */
function padded(columns: number): (table: Ints) => Ints {
  return ({ data, shape: [rows, width] }) => {
    const wide = ints([rows, columns]);
    for (let i = 0; i < rows; i++) wide.data.set(data.subarray(i * width, (i + 1) * width), i * columns);
    return wide;
  };
}
