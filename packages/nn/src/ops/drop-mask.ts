import type { DropMask } from '../kernels.js';
import { foldIn, type Key } from '../random.js';

/** @param rate share of values to drop, in (0, 1) */
export function dropMask(rate: number, key: Key): DropMask {
  if (!(rate > 0 && rate < 1)) throw new RangeError(`dropout: expected a rate in [0, 1), got ${rate}`);
  const gaps = gapTable(rate);
  const [a, b, , numbers] = key;
  const numberOf = (row: number): number => numbers?.[row] ?? row;
  return {
    key,
    rate,
    scale: 1 / (1 - rate),
    gaps,
    apply: (values, firstRow, rows, factor) => {
      const width = values.length / rows;
      for (let i = 0; i < rows; i++) {
        multiplyDropped(values, i * width, (i + 1) * width, gaps, foldIn([a, b], numberOf(firstRow + i)), factor);
      }
    },
  };
}

/** Draws the distances from one dropped value to the next, two per hash: the kept values cost nothing. */
function multiplyDropped(
  values: Float32Array,
  start: number,
  end: number,
  gaps: Uint32Array,
  [offset, flip]: Key,
  factor: number,
): void {
  for (let at = start - 1, weyl = offset | 0; ; weyl = (weyl + 0x9e3779b9) | 0) {
    let h = weyl ^ flip;
    h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
    h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
    h ^= h >>> 16;
    at += gaps[h & 0xffff];
    if (at >= end) return;
    values[at] *= factor;
    at += gaps[h >>> 16];
    if (at >= end) return;
    values[at] *= factor;
  }
}

/** One table per rate: a model has one or two. */
const tables = new Map<number, Uint32Array>();

/** The geometric distribution's quantiles: the distance to the next of values dropped independently at a rate. */
function gapTable(rate: number): Uint32Array {
  let table = tables.get(rate);
  if (!table) {
    const slope = Math.log1p(-rate);
    table = Uint32Array.from({ length: 65536 }, (_, i) => 1 + Math.floor(Math.log((i + 0.5) / 65536) / slope));
    tables.set(rate, table);
  }
  return table;
}
