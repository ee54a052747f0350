import { WbdcError } from '@wbdc/io/errors';
import { alignRows, checkLayout, layoutOf, type Embeddings, type Layout } from './members.js';
import { asEmbeddings, type Member } from './matrix.js';
import { dot } from './vector.js';

/** One model list after another: a million videos need not be in memory together. */
export type Blocks = Iterable<readonly Member[]> | AsyncIterable<readonly Member[]>;

/** Rows of the concatenation, ready for a product. */
export interface Chunk {
  layout: Layout;
  ids: string[];
  /** `[ids.length, width]`; overwritten by the next chunk. */
  x: Float64Array;
}

/** Rows of a chunk. Fixed, so that results do not depend on how the caller cut the data. */
const CHUNK_ROWS = 4096;

/**
 * Rows `[sqrt(w1) x1/|x1|, sqrt(w2) x2/|x2|, ...]` in chunks of {@link CHUNK_ROWS}; the last may be shorter. Every
 * block has to hold the same models.
 *
 * @param weightsOf given the layout of the first block
 */
export async function* weightedRows(
  blocks: Blocks,
  weightsOf: (layout: Layout) => readonly number[],
): AsyncGenerator<Chunk> {
  let layout: Layout | undefined;
  let scales: number[] = [];
  let width = 0;
  let ids: string[] = [];
  let x = new Float64Array(0);
  for await (const block of blocks) {
    const members = block.map(asEmbeddings);
    if (layout === undefined) {
      layout = layoutOf(members);
      scales = weightsOf(layout).map(Math.sqrt);
      width = layout.widths.reduce((sum, w) => sum + w, 0);
      x = new Float64Array(CHUNK_ROWS * width);
    } else checkLayout(layoutOf(members), layout);
    const order = alignRows(members);
    for (const [row, id] of members[0].ids.entries()) {
      writeRow(members, order, row, scales, x, ids.length * width);
      if (ids.push(id) < CHUNK_ROWS) continue;
      yield { layout, ids, x };
      ids = [];
    }
  }
  if (layout !== undefined && ids.length > 0) yield { layout, ids, x: x.subarray(0, ids.length * width) };
}

function writeRow(
  members: readonly Embeddings[],
  order: readonly Int32Array[],
  row: number,
  scales: readonly number[],
  out: Float64Array,
  at: number,
): void {
  for (let m = 0; m < members.length; m++) {
    const { values, width } = members[m];
    const from = order[m][row] * width;
    const scale = scales[m] / rowLength(members[m], from);
    for (let k = 0; k < width; k++) out[at + k] = values[from + k] * scale;
    at += width;
  }
}

/** |x| of a row, which has to be finite and above 0: a row without direction has no cosine. */
export function rowLength(member: Embeddings, from: number): number {
  const { values, width } = member;
  const length = Math.sqrt(dot(values, from, values.subarray(from, from + width), width));
  if (length > 0 && length < Number.POSITIVE_INFINITY) return length;
  throw new WbdcError(describeBadRow(member, from));
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
