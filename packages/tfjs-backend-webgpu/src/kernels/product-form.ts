import type { KernelSource } from '../kernel-source.js';

/** What the code of a product depends on, besides its tile. */
export interface ProductForm {
  readonly transposeA: boolean;
  readonly transposeB: boolean;
  readonly bias: boolean;
  readonly activation: string;
  /** Factors are float16. */
  readonly half: boolean;
  /** Rows of a, of b, of y as they lie in memory are whole quads. */
  readonly quadsA: boolean;
  readonly quadsB: boolean;
  readonly quadsY: boolean;
}

export const PARAMS = {
  rows: 'u32',
  columns: 'u32',
  inner: 'u32',
  batchA: 'u32',
  batchB: 'u32',
  slope: 'f32',
} as const;

/** What is done to sums of products, with their columns' bias added. */
const ACTIVATIONS: Readonly<Record<string, string>> = {
  linear: 'x',
  relu: 'max(x, vec4f())',
  relu6: 'clamp(x, vec4f(), vec4f(6.0))',
  elu: 'select(exp(x) - 1.0, x, x >= vec4f())',
  sigmoid: '1.0 / (1.0 + exp(-x))',
  leakyrelu: 'select(x * u.slope, x, x >= vec4f())',
};

export function isActivation(name: string): boolean {
  return Object.hasOwn(ACTIVATIONS, name);
}

export function activated({ activation }: ProductForm): string {
  return `fn activated(x: vec4f) -> vec4f { return ${ACTIVATIONS[activation]}; }`;
}

export function buffersOf({ quadsA, quadsB, quadsY, bias }: ProductForm): Pick<KernelSource, 'write' | 'read'> {
  const type = (quads: boolean): 'vec4f' | 'f32' => (quads ? 'vec4f' : 'f32');
  return {
    write: { y: type(quadsY) },
    read: { a: type(quadsA), b: type(quadsB), ...(bias && { bias: type(quadsY) }) },
  };
}

/** For errors and profiles. */
export function productName({ transposeA, transposeB, half }: ProductForm, tile: string): string {
  return `product ${tile}${transposeA ? ' a^T' : ''}${transposeB ? ' b^T' : ''}${half ? ' f16' : ''}`;
}

/** Writes a quad of neighbours of a row, as far as they are there. */
export function put({ quadsY, bias }: ProductForm): string {
  const head = `fn put(batch: u32, row: u32, column: u32, x: vec4f) {
  if (row >= u.rows || column >= u.columns) { return; }
  let at = (batch * u.rows + row) * u.columns + column;`;
  if (quadsY) return `${head}\n  y[at / 4u] = activated(x${bias ? ' + bias[column / 4u]' : ''});\n}`;
  return `${head}
  for (var i = 0u; i < min(4u, u.columns - column); i++) {
    y[at + i] = activated(vec4f(x[i]${bias ? ' + bias[column + i]' : ''})).x;
  }
}`;
}

/** 0, 1, ... */
export function count(length: number): number[] {
  return Array.from({ length }, (_, i) => i);
}
