import type { KernelSource } from '../kernel-source.js';
import { BASES, readStrip, registersOf, writeStrip, type Strip } from './strips.js';
import { activated, buffersOf, count, PARAMS, productName, put, type ProductForm } from './product-form.js';

/** A tile of a workgroup, of which each thread computes `high` times `wide` values in its registers. */
export interface RegisterTile {
  readonly rows: number;
  readonly columns: number;
  readonly high: number;
  readonly wide: number;
  /** Inner positions at a time. */
  readonly depth: number;
}

function threadsOf({ rows, columns, high, wide }: RegisterTile): number {
  return (rows / high) * (columns / wide);
}

/** Vectors beside each inner position's, so that threads that write neighbours along it meet no common memory bank. */
const PAD = 1;

/** Of memory of a workgroup, at most. */
export function bytesOfRegisterTile({ rows, columns, depth }: RegisterTile): number {
  return 16 * depth * (rows / 4 + columns / 4 + 2 * PAD);
}

function stride({ size }: Strip): number {
  return size / 4 + PAD;
}

/** Writes what a thread read of a strip to the workgroup's memory, inner positions apart. */
function keep(strip: Strip, type: string): string {
  const memory = `strip${strip.name.toUpperCase()}`;
  return writeStrip(strip, (register) => {
    const value = `${type}(${register})`;
    if (strip.across) return `${memory}[d * ${stride(strip)}u + o / 4u] = ${value};`;
    const each = [0, 1, 2, 3].map((i) => `${memory}[(d + ${i}u) * ${stride(strip)}u + o / 4u][o % 4u] = v[${i}];`);
    return `let v = ${value}; ${each.join(' ')}`;
  });
}

/** What a thread does at each inner position, and its results. */
function arithmetic({ high, wide, rows, columns }: RegisterTile, a: Strip, b: Strip) {
  const [across, down] = [columns / wide, rows / high];
  const [quadsHigh, quadsWide] = [high / 4, wide / 4];
  const each = (one: (i: number, j: number) => string): string[] =>
    count(high).flatMap((i) => count(quadsWide).map((j) => one(i, j)));
  return {
    sums: each((i, j) => `var s${i}_${j} = vec4f();`).join(' '),
    step: [
      ...count(quadsHigh).map((i) => `let r${i} = vec4f(stripA[d * ${stride(a)}u + y0 + ${i * down}u]);`),
      ...count(quadsWide).map((j) => `let c${j} = vec4f(stripB[d * ${stride(b)}u + x0 + ${j * across}u]);`),
      ...each((i, j) => `s${i}_${j} = fma(vec4f(r${i >> 2}[${i & 3}]), c${j}, s${i}_${j});`),
    ].join('\n      '),
    stores: count(high)
      .map((i) => {
        const quads = count(quadsWide).map((j) => `put(batch, row, left + (x0 + ${j * across}u) * 4u, s${i}_${j});`);
        return `{ let row = top + (y0 + ${(i >> 2) * down}u) * 4u + ${i & 3}u; ${quads.join(' ')} }`;
      })
      .join('\n  '),
  };
}

/**
 * `y = activation(a b + bias)` in tiles: a workgroup reads strips of a and b to its own memory, the next ones while it
 * multiplies, and each thread keeps its values in registers. Sums run over the inner positions in their order, so the
 * same bits each time. With `half` the strips are float16 and so are the factors, the sums stay float32.
 */
export function registerTiles(form: ProductForm, tile: RegisterTile): KernelSource {
  const { half } = form;
  const threads = threadsOf(tile);
  const across = tile.columns / tile.wide;
  const of = { depth: tile.depth, threads };
  const a: Strip = { ...of, name: 'a', size: tile.rows, across: form.transposeA, quads: form.quadsA };
  const b: Strip = { ...of, name: 'b', size: tile.columns, across: !form.transposeB, quads: form.quadsB };
  const type = half ? 'vec4<f16>' : 'vec4f';
  const { sums, step, stores } = arithmetic(tile, a, b);
  return {
    name: productName(form, `${tile.rows} x ${tile.columns}`),
    ...buffersOf(form),
    params: PARAMS,
    ...(half && { enable: ['f16'] }),
    code: `var<workgroup> stripA: array<${type}, ${tile.depth * stride(a)}>;
var<workgroup> stripB: array<${type}, ${tile.depth * stride(b)}>;
${activated(form)}
${put(form)}
@compute @workgroup_size(${threads})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) t: u32) {
  let batch = group.z;
  let top = group.y * ${tile.rows}u;
  let left = group.x * ${tile.columns}u;
  ${BASES}
  let x0 = t % ${across}u;
  let y0 = t / ${across}u;
  ${sums}
  ${[...registersOf(a), ...registersOf(b)].map((name) => `var ${name}: vec4f;`).join(' ')}
  var depth = 0u;
  ${readStrip(a)}
  ${readStrip(b)}
  while (depth < u.inner) {
    ${keep(a, type)}
    ${keep(b, type)}
    workgroupBarrier();
    depth += ${tile.depth}u;
    if (depth < u.inner) {
      ${readStrip(a)}
      ${readStrip(b)}
    }
    for (var d = 0u; d < ${tile.depth}u; d++) {
      ${step}
    }
    workgroupBarrier();
  }
  ${stores}
}`,
  };
}
