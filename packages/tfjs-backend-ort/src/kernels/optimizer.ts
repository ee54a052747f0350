import type { TensorInfo } from '@tensorflow/tfjs';
import type { AdamWAttributes, KernelInputs } from '@wbdc/nn/kernels';
import { adamWNames, sizeOf } from '@wbdc/nn/plain';
import type { OrtBackend } from '../backend.js';
import type { Homes } from '../in-place/homes.js';
import { NUMBERS } from '../in-place/program.js';
import type { Job } from '../in-place/threads.js';
import { defineKernels, type Fused } from '../kernel.js';

/** Values of a piece: its arrays and what the graph makes of them stay in the caches. */
const PIECE = 1 << 20;

const ADAMW = `m1 = Mul (m, beta1)
  g1 = Mul (g, share1)
  first = Add (m1, g1)
  v1 = Mul (v, beta2)
  g2 = Mul (g, g)
  g3 = Mul (g2, share2)
  second = Add (v1, g3)
  root = Sqrt (second)
  divisor = Add (root, epsilon)
  change = Div (first, divisor)
  change1 = Mul (change, rate)
  kept1 = Mul (p, kept)
  param = Sub (kept1, change1)`;
const AVERAGE = `e1 = Mul (e, decay)
  p1 = Mul (param, gain)
  average = Add (e1, p1)`;

/**
 * p <- p kept - rate m' / (sqrt(v') + epsilon), m <- m' = beta1 m + share1 g, v <- v' = beta2 v + share2 g^2, and
 * e <- decay e + gain p where there is an e, each written where it was read.
 */
const adamW: Fused<'WbdcAdamW'> = ({ backend, inputs, attrs }) => {
  const { p, g, m, v, e } = inputs;
  const flat = Object.fromEntries(
    Object.entries({ p, g, m, v, ...(e && { e }) }).map(([name, t]) => [name, backend.reshaped(t, [sizeOf(t.shape)])]),
  );
  const numbers = Object.entries(attrs).filter(([name]) => e || !AVERAGE_NUMBERS.has(name));
  const scalars = Object.fromEntries(
    numbers.map(
      ([name, value]) => [name, { type: 'float32', data: Float32Array.of(value), dims: [], location: 'cpu' }] as const,
    ),
  );
  const pieces = Math.ceil(sizeOf(p.shape) / PIECE);
  for (let i = 0; i < pieces; i++) {
    const at = backend.pieces(flat, i, pieces);
    const results = { param: at['p'], first: at['m'], second: at['v'], ...(e && { average: at['e'] }) };
    backend.execute(e ? `${ADAMW}\n${AVERAGE}` : ADAMW, { ...at, ...scalars }, results);
  }
  return [];
};

type Slot = KernelInputs<'WbdcAdamW', TensorInfo>;

/** All of them in one pass over memory, on all threads, and in the graph those that have no home. The same bits. */
const adamWAll: Fused<'WbdcAdamWAll'> = ({ backend, inputs, attrs: { updates } }) => {
  const jobs: Job[] = [];
  updates.forEach((numbers, i) => {
    const names = adamWNames(i);
    const e = inputs[names.e] as TensorInfo | undefined;
    const slot = { p: inputs[names.p], g: inputs[names.g], m: inputs[names.m], v: inputs[names.v], ...(e && { e }) };
    if (sizeOf(slot.p.shape) === 0) return;
    const job = backend.homes && jobOf(backend, backend.homes, slot, numbers);
    if (job) jobs.push(job);
    else adamW({ backend, inputs: slot, attrs: numbers });
  });
  backend.homes?.update(jobs);
  return [];
};

/** None where no home has room. */
function jobOf(backend: OrtBackend, homes: Homes, { p, g, m, v, e }: Slot, numbers: AdamWAttributes): Job | undefined {
  try {
    const blocks = backend.settle(homes, [p, m, v, ...(e ? [e] : [])]);
    const [at, first, second, average] = blocks.map(({ offset }) => offset);
    const segment = { home: homes.idOf(blocks[0]), p: at, m: first, v: second, e: average };
    const rounded = NUMBERS.map((name) => numbers[name]);
    return { segment: { ...segment, numbers: rounded }, gradient: backend.values(g) as Float32Array };
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

const AVERAGE_NUMBERS = new Set(['decay', 'gain']);

/** Calls `receive` with the sum of squares of a tensor, whose pieces add up in float64. */
const sumOfSquares: Fused<'WbdcSumOfSquares'> = ({ backend, inputs: { x }, attrs: { receive } }) => {
  const flat = backend.reshaped(x, [sizeOf(x.shape)]);
  const pieces = Math.ceil(flat.shape[0] / PIECE);
  const lines = 'y = ReduceSumSquare <keepdims = 1> (x)';
  const { y } = backend.runPieces(lines, pieces, { x: flat }, {}, { y: { shape: [pieces] } });
  let total = 0;
  for (const partial of backend.values(y)) total += partial;
  backend.disposeIntermediateTensorInfo(y);
  receive(total);
  return [];
};

const copyOut: Fused<'WbdcCopyOut'> = ({ backend, inputs: { x }, attrs: { data, at } }) => {
  data.set(backend.values(x), at);
  return [];
};

export const optimizer = defineKernels({
  WbdcAdamW: adamW,
  WbdcAdamWAll: adamWAll,
  WbdcCopyOut: copyOut,
  WbdcSumOfSquares: sumOfSquares,
});
