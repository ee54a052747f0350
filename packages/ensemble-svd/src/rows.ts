import { WbdcError } from '@wbdc/io/errors';
import { alignRows, checkLayout, layoutOf, type Embeddings, type Layout } from './members.js';
import { asEmbeddings, type Member } from './matrix.js';
import { writeColumns } from './transpose.js';

/** One model list after another: a million videos need not be in memory together. */
export type Blocks = Iterable<readonly Member[]> | AsyncIterable<readonly Member[]>;

/** Rows of the concatenation, ready for a product. */
export interface Chunk {
  layout: Layout;
  ids: string[];
  /** `[ids.length, width]`, or column by column `[width, ids.length]`; overwritten by the next chunk. */
  x: Float64Array;
}

/** Rows of a chunk of up to 1,536 columns; of more columns fewer, and as many values. */
const CHUNK_ROWS = 4096;
const CHUNK_VALUES = CHUNK_ROWS * 1536;

/** By the width alone, so that results do not depend on how the caller cut the data. */
function chunkRows(width: number): number {
  const whole = Math.floor(CHUNK_VALUES / width / TURNED_ROWS) * TURNED_ROWS;
  return Math.min(CHUNK_ROWS, Math.max(4 * TURNED_ROWS, whole));
}

/** Rows that are turned into columns together, while they are in the caches. */
const TURNED_ROWS = 64;

/**
 * Rows `[sqrt(w1) x1/|x1|, sqrt(w2) x2/|x2|, ...]` in chunks of {@link chunkRows}; the last may be shorter. Every
 * block has to hold the same models.
 *
 * @param weightsOf given the layout of the first block
 * @param byColumns whether chunks are wanted column by column
 */
export async function* weightedRows(
  blocks: Blocks,
  weightsOf: (layout: Layout) => readonly number[],
  byColumns = false,
): AsyncGenerator<Chunk> {
  let layout: Layout | undefined;
  let scales: number[] = [];
  let buffer: ChunkBuffer | undefined;
  let ids: string[] = [];
  for await (const block of blocks) {
    const members = block.map(asEmbeddings);
    if (layout === undefined) {
      layout = layoutOf(members);
      scales = weightsOf(layout).map(Math.sqrt);
      const width = layout.widths.reduce((sum, w) => sum + w, 0);
      buffer = (byColumns ? columnBuffer : rowBuffer)(width, chunkRows(width));
    } else checkLayout(layoutOf(members), layout);
    const order = alignRows(members);
    const all = members[0].ids;
    for (let row = 0; row < all.length;) {
      const free = buffer!.free(ids.length);
      const past = Math.min(row + free.rows, all.length);
      writeRows(members, order, scales, { row, past, out: free.out, at: free.at });
      for (; row < past; row++) ids.push(all[row]);
      if (ids.length < buffer!.size) continue;
      yield { layout, ids, x: buffer!.taken(ids.length) };
      ids = [];
    }
  }
  if (layout !== undefined && ids.length > 0) yield { layout, ids, x: buffer!.taken(ids.length) };
}

/** Where the rows of a chunk are written, in their order. */
interface ChunkBuffer {
  /** Rows of a whole chunk. */
  readonly size: number;
  /** Where row number `row` belongs, and as many after it. */
  free(row: number): { readonly out: Float64Array; readonly at: number; readonly rows: number };
  /** All values of so many rows. */
  taken(rows: number): Float64Array;
}

function rowBuffer(width: number, size: number): ChunkBuffer {
  const x = new Float64Array(size * width);
  return {
    size,
    free: (row) => ({ out: x, at: row * width, rows: size - row }),
    taken: (rows) => x.subarray(0, rows * width),
  };
}

/** Rows wait until some are there. */
function columnBuffer(width: number, size: number): ChunkBuffer {
  const x = new Float64Array(width * size);
  const waiting = new Float64Array(TURNED_ROWS * width);
  const turn = (first: number, rows: number): void => writeColumns(waiting, rows, width, x, first, size);
  return {
    size,
    free: (row) => {
      const taken = row % TURNED_ROWS;
      if (row > 0 && taken === 0) turn(row - TURNED_ROWS, TURNED_ROWS);
      return { out: waiting, at: taken * width, rows: TURNED_ROWS - taken };
    },
    taken: (rows) => {
      const first = Math.floor((rows - 1) / TURNED_ROWS) * TURNED_ROWS;
      turn(first, rows - first);
      if (rows < size) for (let c = 1; c < width; c++) x.copyWithin(c * rows, c * size, c * size + rows);
      return x.subarray(0, width * rows);
    },
  };
}

/** Rows of a block, from one on up to another, and where they go. */
interface Target {
  readonly row: number;
  readonly past: number;
  readonly out: Float64Array;
  readonly at: number;
}

function writeRows(
  members: readonly Embeddings[],
  order: readonly Int32Array[],
  scales: readonly number[],
  { row, past, out, at }: Target,
): void {
  const stride = members.reduce((sum, { width }) => sum + width, 0);
  members.forEach((member, m) => {
    for (let r = row, to = at; r < past; r++, to += stride) {
      const from = order[m][r] * member.width;
      writeScaled(member.values, from, member.width, scales[m] / rowLength(member, from), out, to);
    }
    at += member.width;
  });
}

function writeScaled(
  values: Float32Array | Float64Array,
  from: number,
  width: number,
  scale: number,
  out: Float64Array,
  at: number,
): void {
  for (let k = 0; k < width; k++) out[at + k] = values[from + k] * scale;
}

/** |x| of a row, which has to be finite and above 0: a row without direction has no cosine. */
export function rowLength(member: Embeddings, from: number): number {
  const { values, width } = member;
  const length = Math.sqrt(squares(values, from, width));
  if (length > 0 && length < Number.POSITIVE_INFINITY) return length;
  throw new WbdcError(describeBadRow(member, from));
}

/** In the four sums of `dot`. */
function squares(values: Float32Array | Float64Array, from: number, width: number): number {
  let s0 = 0;
  let s1 = 0;
  let s2 = 0;
  let s3 = 0;
  const end = from + width;
  const even = end - (width % 4);
  let k = from;
  for (; k < even; k += 4) {
    s0 += values[k] * values[k];
    s1 += values[k + 1] * values[k + 1];
    s2 += values[k + 2] * values[k + 2];
    s3 += values[k + 3] * values[k + 3];
  }
  for (; k < end; k++) s0 += values[k] * values[k];
  return s0 + s1 + (s2 + s3);
}

function describeBadRow({ name, ids, width, values }: Embeddings, from: number): string {
  const where = `ensemble: model '${name}', id '${ids[from / width]}' (row ${from / width})`;
  for (let k = 0; k < width; k++) {
    if (Number.isFinite(values[from + k])) continue;
    return (
      `${where}, column ${k}: expected a finite number, got ${values[from + k]}. Predict this video again, ` +
      `or leave it out.`
    );
  }
  return (
    `${where}: expected a row with a direction, got length 0 or beyond float64. Predict this video again, ` +
    `or leave it out.`
  );
}
