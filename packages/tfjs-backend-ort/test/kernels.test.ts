import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { distance, wave } from '../../../tools/testing.js';
import { profileKernels, registerOrtBackend } from '../src/index.js';

beforeAll(() => registerOrtBackend());

type Make = (...x: tf.Tensor[]) => tf.Tensor | tf.Tensor[];

interface Case {
  readonly name: string;
  /** Kernels that must have run natively. */
  readonly kernels: string[];
  readonly shapes: number[][];
  readonly run: Make;
  /** Whether there is a gradient to compare. */
  readonly gradient?: boolean;
}

const A = [5, 11, 13];

function unary(kernel: string, run: (x: tf.Tensor) => tf.Tensor, gradient = true): Case {
  return { name: kernel, kernels: [kernel], shapes: [A], run: run as Make, gradient };
}

/** Inputs are waves in [-1.5, 1.5]; `positive` moves them to [0.25, 3.25]. */
const positive = (x: tf.Tensor): tf.Tensor => tf.add(x, 1.75);

const unaries: Case[] = [
  unary('Abs', tf.abs),
  unary('Ceil', tf.ceil, false),
  unary('Cos', tf.cos),
  unary('Elu', tf.elu, false),
  unary('Erf', tf.erf),
  unary('Exp', tf.exp),
  unary('Floor', tf.floor, false),
  unary('LeakyRelu', (x) => tf.leakyRelu(x, 0.3)),
  unary('Log', (x) => tf.log(positive(x))),
  unary('Log1p', (x) => tf.log1p(tf.mul(positive(x), 1e-3))),
  unary('Neg', tf.neg),
  unary('Reciprocal', (x) => tf.reciprocal(positive(x))),
  unary('Relu', tf.relu),
  unary('Relu6', (x) => tf.relu6(tf.mul(x, 7))),
  unary('Rsqrt', (x) => tf.rsqrt(positive(x))),
  unary('Sigmoid', (x) => tf.sigmoid(tf.mul(x, 7))),
  unary('Sign', tf.sign, false),
  unary('Sin', tf.sin),
  unary('Softplus', (x) => tf.softplus(tf.mul(x, 17))),
  unary('Sqrt', (x) => tf.sqrt(positive(x))),
  unary('Square', tf.square),
  unary('Step', (x) => tf.step(x), false),
  unary('Tanh', tf.tanh),
  unary('ClipByValue', (x) => tf.clipByValue(x, -0.7, 1.1)),
  unary('Cast', (x) => tf.cast(tf.cast(tf.mul(x, 7), 'int32'), 'float32'), false),
  unary('ZerosLike', tf.zerosLike, false),
  unary('OnesLike', tf.onesLike, false),
];

const BROADCASTS = [
  [A, A],
  [A, [13]],
  [A, [5, 11, 1]],
  [
    [5, 1, 13],
    [11, 1],
  ],
  [[], A],
];

function binary(
  kernel: string,
  run: (a: tf.Tensor, b: tf.Tensor) => tf.Tensor,
  gradient: boolean | 'same' = true,
): Case[] {
  return BROADCASTS.map((shapes) => ({
    name: `${kernel} ${JSON.stringify(shapes)}`,
    kernels: [kernel],
    shapes,
    run: run as Make,
    // 'same': tfjs has a gradient only where both shapes are the same
    gradient: gradient === 'same' ? shapes[0] === shapes[1] : gradient,
  }));
}

const binaries: Case[] = [
  ...binary('Add', tf.add),
  ...binary('Sub', tf.sub),
  ...binary('Multiply', tf.mul),
  ...binary('RealDiv', (a, b) => tf.div(a, positive(b))),
  ...binary('Maximum', tf.maximum, 'same'),
  ...binary('Minimum', tf.minimum, 'same'),
  ...binary('SquaredDifference', tf.squaredDifference, 'same'),
  ...binary('Pow', (a, b) => tf.pow(positive(a), b)),
  ...binary('Greater', tf.greater, false),
  ...binary('GreaterEqual', tf.greaterEqual, false),
  ...binary('Less', tf.less, false),
  ...binary('LessEqual', tf.lessEqual, false),
  ...binary('Equal', (a, b) => tf.equal(tf.round(a), tf.round(b)), false),
  ...binary('NotEqual', (a, b) => tf.notEqual(tf.round(a), tf.round(b)), false),
];

const products: Case[] = [false, true].flatMap((ta) =>
  [false, true].flatMap((tb) => {
    const a = ta ? [17, 11] : [11, 17];
    const b = tb ? [13, 17] : [17, 13];
    const flags = `${ta ? 'T' : 'N'}${tb ? 'T' : 'N'}`;
    const matMul: Make = (x, y) => tf.matMul(x, y, ta, tb);
    return [
      {
        name: `BatchMatMul ${flags}`,
        kernels: ['BatchMatMul'],
        shapes: [
          [7, ...a],
          [7, ...b],
        ],
        run: matMul,
      },
      {
        name: `BatchMatMul 2-D ${flags}`,
        kernels: ['BatchMatMul'],
        shapes: [ta ? [29, 11] : [11, 29], tb ? [13, 29] : [29, 13]],
        run: matMul,
      },
      {
        name: `BatchMatMul broadcast ${flags}`,
        kernels: ['BatchMatMul'],
        gradient: false,
        shapes: [
          [1, ...a], // broadcast in both, tfjs's cpu backend gives wrong values
          [5, ...b],
        ],
        run: matMul,
      },
      ...(['linear', 'relu', 'relu6', 'elu', 'sigmoid', 'leakyrelu'] as const).map((activation) => ({
        name: `_FusedMatMul ${flags} ${activation}`,
        kernels: ['_FusedMatMul'],
        shapes: [[7, ...a], [7, ...b], [13]],
        gradient: ['linear', 'relu', 'relu6'].includes(activation),
        run: ((x: tf.Tensor, y: tf.Tensor, bias: tf.Tensor) =>
          tf.fused.matMul({ a: x, b: y, transposeA: ta, transposeB: tb, bias, activation })) as Make,
      })),
    ];
  }),
);

const reductions: Case[] = [0, 1, 2, [0, 2], [1, 2], [0, 1], undefined].flatMap((axis) =>
  [false, true].flatMap((keep) => {
    const make = (kernel: string, run: (x: tf.Tensor) => tf.Tensor, gradient = true): Case => ({
      ...unary(kernel, run, gradient),
      name: `${kernel} over ${axis} keep ${keep}`,
    });
    return [
      make('Sum', (x) => tf.sum(x, axis, keep)),
      make('Mean', (x) => tf.mean(x, axis, keep)),
      make('Max', (x) => tf.max(x, axis, keep)),
      make('Min', (x) => tf.min(x, axis, keep)),
      make('Prod', (x) => tf.prod(tf.add(tf.mul(x, 0.1), 1), axis, keep), false),
    ];
  }),
);

const ids = (): tf.Tensor1D => tf.tensor1d([3, 0, 3, 10, 7], 'int32');

const others: Case[] = [
  unary('ArgMax', (x) => tf.argMax(x, 1), false),
  unary('ArgMin', (x) => tf.argMin(x, -1), false),
  unary('Softmax', (x) => tf.softmax(x)),
  { ...unary('Max', (x) => tf.logSoftmax(x)), name: 'tf.logSoftmax' },
  unary('Transpose', (x) => tf.transpose(x, [2, 0, 1])),
  unary('Transpose', (x) => tf.transpose(x)),
  {
    ...unary('Transpose', (x) => tf.transpose(tf.cast(tf.mul(x, 9), 'int32'))),
    name: 'Transpose int32',
    gradient: false,
  },
  { ...unary('Slice', (x) => tf.slice(x, [1, 0, 0], [3, 11, 13])), name: 'Slice contiguous' },
  { ...unary('Slice', (x) => tf.slice(x, [1, 2, 3], [3, -1, 7])), name: 'Slice' },
  unary('StridedSlice', (x) => tf.stridedSlice(x, [4, 1, 12], [0, 9, 1], [-2, 3, -5]), false),
  {
    ...unary('StridedSlice', (x) => tf.stridedSlice(x, [0, 0, 0], [5, 11, 13], [2, 1, 1], 0, 4), false),
    name: 'StridedSlice masks',
  },
  {
    ...unary('StridedSlice', (x) => tf.stridedSlice(x, [4, 0, 0], [-6, 11, 13], [-1, 1, 1], 0, 0, 0, 0, 0), false),
    name: 'StridedSlice all, backwards',
  },
  { ...unary('SplitV', (x) => tf.concat(tf.split(x, [3, 1, 7], 1).reverse(), 1)), kernels: ['SplitV', 'Concat'] },
  { name: 'Concat', kernels: ['Concat'], shapes: [A, [5, 2, 13], [5, 7, 13]], run: (...x) => tf.concat(x, 1) },
  { name: 'Pack', kernels: ['Pack'], shapes: [A, A, A], run: (...x) => tf.stack(x, 2) },
  unary('PadV2', (x) =>
    tf.pad(
      x,
      [
        [1, 2],
        [0, 3],
        [5, 0],
      ],
      0.5,
    ),
  ),
  unary('Tile', (x) => tf.tile(x, [2, 1, 3])),
  { name: 'GatherV2', kernels: ['GatherV2'], shapes: [[11, 17]], run: (x) => tf.gather(x, ids()) },
  { name: 'GatherV2 axis 1', kernels: ['GatherV2'], shapes: [A], run: (x) => tf.gather(x, ids().reshape([1, 5]), 1) },
  {
    name: 'UnsortedSegmentSum',
    kernels: ['UnsortedSegmentSum'],
    shapes: [A],
    run: (x) => tf.unsortedSegmentSum(x, ids(), 13),
  },
  {
    name: 'OneHot',
    kernels: ['OneHot'],
    shapes: [[5, 11]],
    run: (x) => tf.mul(tf.oneHot(ids(), 11, 0.9, 0.1, 'float32'), x),
  },
  {
    name: 'Select',
    kernels: ['Select'],
    shapes: [A, A, A],
    gradient: false,
    run: (c, x, y) => tf.where(tf.greater(c, 0), x, y),
  },
  { name: 'AddN', kernels: ['AddN'], shapes: [A, A, A], run: (...x) => tf.addN(x) },
  unary('Fill', (x) => tf.mul(tf.fill(A, 0.7), x)),
];

interface Outcome {
  values: number[][];
  gradients: number[][];
  native: string[];
}

function evaluate({ shapes, run, gradient = true }: Case): Outcome {
  return tf.tidy(() => {
    const inputs = shapes.map((shape, k) => tf.tensor(wave(tf.util.sizeFromShape(shape), k, 1.5), shape));
    const { result, kernels } =
      tf.getBackend() === 'ort' ? profileKernels(() => run(...inputs)) : { result: run(...inputs), kernels: [] };
    const list = Array.isArray(result) ? result : [result];
    const loss = (...x: tf.Tensor[]): tf.Tensor => {
      const y = run(...x) as tf.Tensor;
      return tf.sum(tf.mul(y, tf.tensor(wave(y.size, 9, 1), y.shape)));
    };
    const gradients = gradient ? tf.grads(loss)(inputs) : [];
    return {
      values: list.map((t) => Array.from(t.dataSync())),
      gradients: gradients.map((t) => Array.from(t.dataSync())),
      native: kernels.filter((k) => k.native).map((k) => k.kernel),
    };
  });
}

/** Largest difference, of the largest value where that is above 1. */
function relative(actual: number[], expected: number[]): number {
  return distance(actual, expected) / Math.max(1, ...expected.map(Math.abs));
}

describe.each([
  ['unary', unaries],
  ['binary', binaries],
  ['matrix products', products],
  ['reductions', reductions],
  ['others', others],
])('%s kernels agree with the cpu backend', (_, cases) => {
  it.each(cases)('$name', async (one) => {
    await tf.setBackend('cpu');
    const expected = evaluate(one);
    await tf.setBackend('ort');
    const before = tf.memory().numTensors;
    const actual = evaluate(one);
    expect(tf.memory().numTensors).toBe(before);
    expect(actual.native).toEqual(expect.arrayContaining(one.kernels));
    expect(actual.values.length).toBe(expected.values.length);
    actual.values.forEach((values, i) => expect(relative(values, expected.values[i])).toBeLessThan(2e-5));
    actual.gradients.forEach((values, i) => expect(relative(values, expected.gradients[i])).toBeLessThan(1e-4));
  });
});
