import { flopsOf, products, type Product } from './flops.js';
import type { KernelRow, MatmulShape, Peer } from './peer.js';
import type { PreparedView } from '@wbdc/pretrain-tasks';
import type { Recipe } from './recipe.js';
import { digits } from './statistics.js';
import { formatTable } from './table.js';

/** Kernels of the profile with a row of their own. */
const SHOWN = 15;
const CUBE: MatmulShape = [1024, 1024, 1024];

/** One more step of a contender, kernel by kernel. */
export interface Profile {
  readonly name: string;
  readonly seconds: number;
  readonly kernels: readonly KernelRow[];
}

export interface Ceiling {
  /** The cube, then the products of the step; GFLOP/s by contender's name. */
  readonly rates: readonly {
    readonly what: string;
    readonly shape: MatmulShape;
    readonly gflops: Readonly<Record<string, number>>;
  }[];
  /** Operations of the step, in 1e9, for each product. */
  readonly gflop: readonly number[];
}

/** Asks contenders for the speed of single products: what the machine gives to a step that is nothing but products. */
export async function measureCeiling(
  recipe: Recipe,
  view: PreparedView,
  peers: readonly Peer[],
  before?: Ceiling,
): Promise<Ceiling> {
  const parts = products(recipe, view);
  const rates: Ceiling['rates'][number][] = [];
  for (const [i, { what, shape }] of [{ what: 'cube', shape: CUBE }, ...parts].entries()) {
    rates.push({ what, shape, gflops: { ...before?.rates[i].gflops, ...(await rate(shape, peers)) } });
  }
  return { rates, gflop: parts.map((part: Product) => flopsOf(part) / 1e9) };
}

/** Seconds of nothing but the step's products, at a contender's rate for each. */
function floorOf({ rates: [, ...rates], gflop }: Ceiling, name: string): number {
  return sum(gflop.map((operations, i) => operations / rates[i].gflops[name]));
}

async function rate(shape: MatmulShape, peers: readonly Peer[]): Promise<Record<string, number>> {
  const gflops: Record<string, number> = {};
  for (const peer of peers) gflops[peer.name] = await peer.matmul(shape);
  return gflops;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

export function formatCeiling(ceiling: Ceiling, profiles: readonly Profile[]): string {
  const { rates, gflop } = ceiling;
  const names = Object.keys(rates[0].gflops);
  const cells = (gflops: Readonly<Record<string, number>>): string[] => names.map((name) => digits(gflops[name]));
  const rows = rates.map(({ what, shape, gflops }) => [what, shape.join(' x '), ...cells(gflops)]);
  const floors = profiles.map(
    ({ name, seconds }) => `${name} ${digits(floorOf(ceiling, name))} s of the ${digits(seconds)} s that its step took`,
  );
  const text =
    `The step of the profile is ${digits(sum(gflop))} GFLOP of matrix products. At one's own rate for ` +
    `each shape they take:`;
  return `${formatTable(['GFLOP/s, forward', 'shape', ...names], rows)}\n\n${text} ${floors.join(', ')}.`;
}

export function formatProfile({ name, kernels, seconds }: Profile): string {
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
  return formatTable([`kernel of a step of ${name}`, 'calls', 'ms', 'share'], shown.map(row));
}
