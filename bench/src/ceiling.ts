import { flopsOf, products, type Product } from './flops.js';
import type { KernelRow, MatmulShape, Peer } from './peer.js';
import type { PreparedView } from '@wbdc/pretrain-tasks';
import type { Recipe } from './recipe.js';
import { digits } from './statistics.js';
import { formatTable } from './table.js';

/** Kernels of the profile with a row of their own. */
const SHOWN = 20;
const CUBE: MatmulShape = [1024, 1024, 1024];

export interface Ceiling {
  /** GFLOP/s by contender's name, for the cube and for the products of the step. */
  readonly rates: readonly { readonly shape: MatmulShape; readonly what: string; readonly gflops: Readonly<Record<string, number>> }[]; // prettier-ignore
  /** Operations of the step, in 1e9. */
  readonly gflop: number;
  /** Seconds of nothing but the step's products, at the best rate of the cube and at ours on each shape. */
  readonly floor: { readonly atCube: number; readonly atShapes: number };
}

/** Asks contenders for the speed of single products: what the machine gives to a step that is nothing but products. */
export async function measureCeiling(recipe: Recipe, view: PreparedView, peers: readonly Peer[]): Promise<Ceiling> {
  const parts = products(recipe, view);
  const rates = [await rate('cube', CUBE, peers)];
  for (const { what, shape } of parts) rates.push(await rate(what, shape, peers));
  const gflop = sum(parts.map((part) => flopsOf(part) / 1e9));
  const cube = Math.max(...Object.values(rates[0].gflops));
  const own = (i: number): number => rates[i + 1].gflops[peers[0].name];
  const atShapes = sum(parts.map((part: Product, i) => flopsOf(part) / 1e9 / own(i)));
  return { rates, gflop, floor: { atCube: gflop / cube, atShapes } };
}

async function rate(what: string, shape: MatmulShape, peers: readonly Peer[]): Promise<Ceiling['rates'][number]> {
  const gflops: Record<string, number> = {};
  for (const peer of peers) gflops[peer.name] = await peer.matmul(shape);
  return { what, shape, gflops };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

export function formatCeiling({ rates, gflop, floor }: Ceiling, seconds: number): string {
  const names = Object.keys(rates[0].gflops);
  const rows = rates.map(({ what, shape, gflops }) => [
    what,
    shape.join(' x '),
    ...names.map((n) => digits(gflops[n])),
  ]);
  const text =
    `The step of the profile is ${digits(gflop)} GFLOP of matrix products. Floor: ${digits(floor.atCube)} s at the best rate of ` +
    `1024^3, ${digits(floor.atShapes)} s at our rate for each shape; the step took ${digits(seconds)} s.`;
  return `${formatTable(['GFLOP/s, forward', 'shape', ...names], rows)}\n\n${text}`;
}

export function formatProfile(kernels: readonly KernelRow[], seconds: number): string {
  const sorted = [...kernels].sort((a, b) => b.milliseconds - a.milliseconds);
  const row = ({ kernel, calls, milliseconds }: KernelRow): string[] => {
    return [kernel, String(calls), digits(milliseconds), `${digits(milliseconds / seconds / 10)} %`];
  };
  const rest = 1000 * seconds - sum(kernels.map(({ milliseconds }) => milliseconds));
  const others = { kernel: 'between kernels (tape, norms, collector)', calls: 0, milliseconds: rest };
  const small = sorted.slice(SHOWN);
  const total = (of: 'calls' | 'milliseconds'): number => sum(small.map((kernel) => kernel[of]));
  const remaining = { kernel: `${small.length} others`, calls: total('calls'), milliseconds: total('milliseconds') };
  const shown = [...sorted.slice(0, SHOWN), ...(small.length ? [remaining] : []), others];
  return formatTable(['kernel of our step', 'calls', 'ms', 'share'], shown.map(row));
}
