import type { Groups } from '../commands.js';
import type { KernelSource } from '../kernel-source.js';

/** Columns of a workgroup: neighbours in memory, in as many bytes as a GPU reads at once. */
const COLUMNS = 8;
/** Threads that share the rows of a column. */
const SHARERS = 32;
/** Rows that a thread reads before it adds them, so that it does not wait for each. */
const AHEAD = 4;

interface ColumnSums extends Pick<KernelSource, 'name' | 'write' | 'read'> {
  readonly type: 'f32' | 'vec2f';
  /** What is summed up, of row `row` and column `c`. */
  readonly value: string;
  /** What is done with `sum`. */
  readonly store: string;
}

/** Sums over the rows of a matrix of `u.rows` and `u.width`, in the same order each time. */
export function columnSums({ name, write, read, type, value, store }: ColumnSums): KernelSource {
  const steps = Array.from({ length: AHEAD }, (_, i) => `first + ${i * SHARERS}u`);
  return {
    ...{ name, write, read },
    params: { rows: 'u32', width: 'u32' },
    code: `var<workgroup> parts: array<${type}, ${COLUMNS * SHARERS}>;
fn value(row: u32, c: u32) -> ${type} {
  if (row >= u.rows) { return ${type}(); }
  return ${value};
}
@compute @workgroup_size(${COLUMNS}, ${SHARERS})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_id) lane: vec3u) {
  let c = group.x * ${COLUMNS}u + lane.x;
  var sum = ${type}();
  if (c < u.width) {
    for (var first = lane.y; first < u.rows; first += ${AHEAD * SHARERS}u) {
      ${steps.map((row, i) => `let v${i} = value(${row}, c);`).join('\n      ')}
      sum += ${steps.map((_, i) => `v${i}`).join(' + ')};
    }
  }
  let own = lane.y * ${COLUMNS}u + lane.x;
  parts[own] = sum;
  workgroupBarrier();
  for (var half = ${SHARERS / 2}u; half > 0u; half >>= 1u) {
    if (lane.y < half) { parts[own] += parts[own + half * ${COLUMNS}u]; }
    workgroupBarrier();
  }
  sum = parts[lane.x];
  if (lane.y == 0u && c < u.width) { ${store} }
}`,
  };
}

/** Of x into y. */
export const COLUMN_SUMS = columnSums({
  name: 'sums of columns',
  write: { y: 'f32' },
  read: { x: 'f32' },
  type: 'f32',
  value: 'x[row * u.width + c]',
  store: 'y[c] = sum;',
});

/** That workgroups in a row can have. */
export const MOST_COLUMNS = 65_535 * COLUMNS;

/** Workgroups for so many columns. */
export function groupsOfColumns(width: number): Groups {
  return [Math.ceil(width / COLUMNS), 1, 1];
}
