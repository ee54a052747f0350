import type { KernelSource } from '../kernel-source.js';
import { activated, buffersOf, count, PARAMS, productName, put, type ProductForm } from './product-form.js';
import { BASES, readStrip, registersOf, writeStrip, type Strip } from './strips.js';

/** Sizes of the matrices that a subgroup of a device multiplies at once: float16 factors, float32 sums. */
export interface SubgroupMatrix {
  readonly rows: number;
  readonly columns: number;
  readonly inner: number;
}

/** A tile of a workgroup of `down` times `across` subgroups, each of which sums up `high` times `wide` matrices. */
export interface SubgroupTile {
  readonly down: number;
  readonly across: number;
  readonly high: number;
  readonly wide: number;
  /** Inner positions at a time. */
  readonly depth: number;
}

/** Of the devices that have subgroup matrices for us. */
export const SUBGROUP = 32;

export function sizeOfTile(
  { down, across, high, wide }: SubgroupTile,
  matrix: SubgroupMatrix,
): { rows: number; columns: number } {
  return { rows: down * high * matrix.rows, columns: across * wide * matrix.columns };
}

/** Values beside each row of a strip, so that rows begin at different memory banks. */
const PAD = 8;

/** Of memory of a workgroup, however the matrices lie. */
export function bytesOfSubgroupTile(tile: SubgroupTile, matrix: SubgroupMatrix): number {
  const { rows, columns } = sizeOfTile(tile, matrix);
  const strip = (size: number): number => 2 * Math.max((size + PAD) * tile.depth, (tile.depth + PAD) * size);
  return strip(rows) + strip(columns) + 4 * tile.down * tile.across * matrix.rows * matrix.columns;
}

function stride({ across, size, depth }: Strip): number {
  return ((across ? size : depth) + PAD) / 4;
}

function memory({ name }: Strip): string {
  return `strip${name.toUpperCase()}`;
}

/** Declares a strip in the workgroup's memory. */
function declared(strip: Strip): string {
  const length = stride(strip) * (strip.across ? strip.depth : strip.size);
  return `var<workgroup> ${memory(strip)}: array<vec4<f16>, ${length}>;`;
}

function keep(strip: Strip): string {
  return writeStrip(strip, (register) => {
    const [row, at] = strip.across ? ['d', 'o'] : ['o', 'd'];
    return `${memory(strip)}[${row} * ${stride(strip)}u + ${at} / 4u] = vec4<f16>(${register});`;
  });
}

/** Loads the matrix at `outer` and `inner` of a strip. */
function load(type: string, strip: Strip, outer: string, inner: number): string {
  const at = strip.across
    ? `${inner * stride(strip)}u + (${outer}) / 4u`
    : `(${outer}) * ${stride(strip)}u + ${inner / 4}u`;
  // Of a, neighbours along the inner positions are a row; of b they are a column.
  const major = strip.across === (strip.name === 'b') ? 'row_major' : 'col_major';
  return `subgroupMatrixLoad<${type}, ${major}>(&${memory(strip)}, ${at}, ${stride(strip)}u)`;
}

/** What a subgroup does with strips, and its results. */
function arithmetic(tile: SubgroupTile, matrix: SubgroupMatrix, a: Strip, b: Strip) {
  const left = `subgroup_matrix_left<f16, ${matrix.inner}, ${matrix.rows}>`;
  const right = `subgroup_matrix_right<f16, ${matrix.columns}, ${matrix.inner}>`;
  const result = `subgroup_matrix_result<f32, ${matrix.columns}, ${matrix.rows}>`;
  const [highs, wides] = [count(tile.high), count(tile.wide)];
  const each = (one: (i: number, j: number) => string): string[] => highs.flatMap((i) => wides.map((j) => one(i, j)));
  const steps = count(tile.depth / matrix.inner).map((step) => {
    const inner = step * matrix.inner;
    const rights = wides.map((j) => `let r${j} = ${load(right, b, `x0 + ${j * matrix.columns}u`, inner)};`);
    const rows = highs.map((i) => {
      const products = wides.map((j) => `s${i}_${j} = subgroupMatrixMultiplyAccumulate(l, r${j}, s${i}_${j});`);
      return `{ let l = ${load(left, a, `y0 + ${i * matrix.rows}u`, inner)}; ${products.join(' ')} }`;
    });
    return `{ ${[...rights, ...rows].join('\n      ')} }`;
  });
  const [patch, line] = [(matrix.rows * matrix.columns) / 4, matrix.columns / 4];
  const stores = each(
    (i, j) => `subgroupMatrixStore<row_major>(&patches, subgroup * ${patch}u, s${i}_${j}, ${line}u);
  workgroupBarrier();
  for (var q = lane; q < ${patch}u; q += ${SUBGROUP}u) {
    put(batch, top + y0 + ${i * matrix.rows}u + q / ${line}u,
      left + x0 + ${j * matrix.columns}u + q % ${line}u * 4u, patches[subgroup * ${patch}u + q]);
  }
  workgroupBarrier();`,
  );
  return {
    sums: each((i, j) => `var s${i}_${j} = ${result}();`).join(' '),
    steps: steps.join('\n    '),
    stores: stores.join('\n  '),
  };
}

/**
 * `y = activation(a b + bias)` on the matrix units of a GPU: a workgroup reads strips of a and b to its own memory as
 * float16, the next ones while it multiplies, and its subgroups keep float32 sums. Strips lie as their matrices do.
 */
export function subgroupTiles(form: ProductForm, tile: SubgroupTile, matrix: SubgroupMatrix): KernelSource {
  const { transposeA, transposeB } = form;
  const { rows, columns } = sizeOfTile(tile, matrix);
  const subgroups = tile.down * tile.across;
  const threads = subgroups * SUBGROUP;
  const of = { depth: tile.depth, threads };
  const a: Strip = { ...of, name: 'a', size: rows, across: transposeA, quads: form.quadsA };
  const b: Strip = { ...of, name: 'b', size: columns, across: !transposeB, quads: form.quadsB };
  const { sums, steps, stores } = arithmetic(tile, matrix, a, b);
  const patches = (subgroups * matrix.rows * matrix.columns) / 4;
  return {
    name: productName(form, `${rows} x ${columns} of subgroup matrices`),
    ...buffersOf(form),
    params: PARAMS,
    enable: ['f16', 'subgroups', 'chromium_experimental_subgroup_matrix'],
    // The compiler cannot see that a subgroup's threads agree on its number.
    unchecked: ['chromium.subgroup_matrix_uniformity'],
    code: `${declared(a)}
${declared(b)}
var<workgroup> patches: array<vec4f, ${patches}>;
${activated(form)}
${put(form)}
@compute @workgroup_size(${threads})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) t: u32) {
  let batch = group.z;
  let top = group.y * ${rows}u;
  let left = group.x * ${columns}u;
  ${BASES}
  let subgroup = t / ${SUBGROUP}u;
  let lane = t % ${SUBGROUP}u;
  let y0 = subgroup / ${tile.across}u * ${tile.high * matrix.rows}u;
  let x0 = subgroup % ${tile.across}u * ${tile.wide * matrix.columns}u;
  ${sums}
  ${[...registersOf(a), ...registersOf(b)].map((name) => `var ${name}: vec4f;`).join(' ')}
  var depth = 0u;
  ${readStrip(a)}
  ${readStrip(b)}
  while (depth < u.inner) {
    ${keep(a)}
    ${keep(b)}
    workgroupBarrier();
    depth += ${tile.depth}u;
    if (depth < u.inner) {
      ${readStrip(a)}
      ${readStrip(b)}
    }
    ${steps}
    workgroupBarrier();
  }
  ${stores}
}`,
  };
}
