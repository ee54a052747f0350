import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import onnxProto from 'onnx-proto';
import * as ort from 'onnxruntime-node';
import * as web from 'onnxruntime-web';
import { WbdcError } from '@wbdc/io/errors';
import { decodeFloat16 } from '@wbdc/nn';
import { describe, expect, it } from 'vitest';
import { calibrateOnnx, quantizeOnnx, type CalibrationMethod, type QuantizeOnnxOptions } from '../../src/onnx.js';
import { quantizeRows } from '../../src/onnx/integers.js';
import { lacksVnni } from '../../src/onnx/processor.js';

/** Of `tools/parity/quantize.py`. */
interface Described {
  readonly initializers: Readonly<Record<string, readonly number[]>>;
  readonly outputs: readonly (readonly number[])[];
}
interface Expected extends Readonly<Record<'dynamic' | 'reduced' | 'minmax' | 'percentile', Described>> {
  readonly ids: readonly (readonly (readonly number[])[])[];
  readonly ranges: Readonly<Record<string, readonly [number, number]>>;
  readonly rows: { readonly scales: readonly number[]; readonly data: readonly number[] };
}

const FOLDER = join(import.meta.dirname, '../fixtures/quantize');
const MODEL = new Uint8Array(readFileSync(join(FOLDER, 'model.onnx')));
const EXPECTED = JSON.parse(readFileSync(join(FOLDER, 'expected.json'), 'utf8')) as Expected;
const { ModelProto } = onnxProto.onnx;
/** Where sums of products are cut to 16 bits here, weights of 8 bits are for others: WebAssembly adds them exactly. */
const CUT = lacksVnni();
type Model = ReturnType<typeof ModelProto.decode>;

function changed(change: (model: Model) => unknown): Uint8Array {
  const model = ModelProto.decode(MODEL);
  change(model);
  return ModelProto.encode(model).finish();
}

/** By the numbers of ONNX's types; all with a constructor of the same form. */
const ARRAYS = new Map<number, new (bytes: ArrayBuffer) => ArrayLike<number>>([
  [1, Float32Array],
  [2, Uint8Array],
  [3, Int8Array],
  [10, Uint16Array],
]);

/** Weights by their names, and the operations. */
function contentsOf(bytes: Uint8Array) {
  const { node, initializer } = ModelProto.decode(bytes).graph!;
  const weights = (initializer ?? []).flatMap(({ name, dataType, rawData }) => {
    const Values = ARRAYS.get(dataType!);
    return Values ? [[name!, new Values(new Uint8Array(rawData!).buffer)] as const] : [];
  });
  return { operations: node!.map(({ opType }) => opType!), weights: Object.fromEntries(weights) };
}

const feedOf = (batch: number, { Tensor }: Pick<typeof ort, 'Tensor'> = ort) => {
  const ids = EXPECTED.ids[batch];
  return { ids: new Tensor('int32', Int32Array.from(ids.flat()), [ids.length, ids[0].length]) };
};

async function outputsOf(bytes: Uint8Array, runtime: Pick<typeof ort, 'InferenceSession' | 'Tensor'> = ort) {
  const session = await runtime.InferenceSession.create(bytes, { logSeverityLevel: 3 });
  const outputs: number[][] = [];
  for (const batch of EXPECTED.ids.keys()) {
    const { y } = await session.run(feedOf(batch, runtime));
    outputs.push(Array.from(y.data as Float32Array));
  }
  return outputs;
}

function distance(a: readonly (readonly number[])[], b: readonly (readonly number[])[]): number {
  return Math.max(...a.flatMap((row, i) => row.map((value, k) => Math.abs(value - b[i][k]))));
}

const open = (model: Uint8Array) => ort.InferenceSession.create(model);
const calibrated = (method: CalibrationMethod, batches = [0]) =>
  calibrateOnnx(MODEL, { open, feeds: batches.map((batch) => feedOf(batch)), method, percentile: 99 });

describe('int8, as onnxruntime.quantization makes it', () => {
  const variants: readonly (readonly [keyof Expected, () => Promise<Partial<QuantizeOnnxOptions>>])[] = [
    ['dynamic', async () => ({})],
    ['reduced', async () => ({ reduceRange: true })],
    ['minmax', async () => ({ ranges: await calibrated('minmax') })],
    ['percentile', async () => ({ ranges: await calibrated('percentile') })],
  ];

  it.each(variants)('%s: the same weights, scales and zero points, the same outputs', async (name, options) => {
    const { initializers, outputs } = EXPECTED[name] as Described;
    const bytes = quantizeOnnx(MODEL, { dtype: 'int8', ...(await options()) });
    const { weights } = contentsOf(bytes);
    for (const [weight, values] of Object.entries(initializers)) {
      // Of activations the ranges are measured, by kernels that sum in another order.
      if (/^[xgn]_scale$/.test(weight)) expect(weights[weight][0] / values[0]).toBeCloseTo(1, 6);
      else expect(Array.from(weights[weight]), weight).toEqual(values);
    }
    expect(weights).not.toHaveProperty('w1');
    const [runtime, tolerance] = CUT && name !== 'reduced' ? [web as never, 1e-4] : [ort, 1e-5];
    expect(distance(await outputsOf(bytes, runtime), outputs)).toBeLessThan(tolerance);
    expect(distance(outputs, await outputsOf(MODEL))).toBeGreaterThan(1e-3); // they do differ from float32
    expect(distance(outputs, await outputsOf(MODEL))).toBeLessThan(name === 'percentile' ? 0.6 : 0.3);
  });

  it('ranges grow with batches as theirs do', async () => {
    const ranges = await calibrated('percentile', [0, 1]);
    for (const [name, [min, max]] of Object.entries(EXPECTED.ranges))
      expect([ranges[name].min / min, ranges[name].max / max]).toEqual([expect.closeTo(1, 6), expect.closeTo(1, 6)]);
  });

  it('rows of tables have the scales of theirs', () => {
    const { word } = contentsOf(MODEL).weights;
    const { scales, data } = quantizeRows(Float32Array.from(word), 32, 127)!;
    expect(Array.from(scales)).toEqual(EXPECTED.rows.scales);
    expect(Array.from(data)).toEqual(EXPECTED.rows.data);
  });

  it.each(['int8', 'fp16'] as const)('%s runs in the WebAssembly of browsers, to the same numbers', async (dtype) => {
    const reduceRange = CUT && dtype === 'int8';
    const bytes = quantizeOnnx(MODEL, { dtype, reduceRange });
    expect(distance(await outputsOf(bytes, web as never), await outputsOf(bytes))).toBeLessThan(1e-5);
    if (dtype === 'fp16') return;
    const still = quantizeOnnx(MODEL, { dtype, reduceRange, ranges: await calibrated('minmax') });
    expect(distance(await outputsOf(still, web as never), await outputsOf(still))).toBeLessThan(1e-4);
  });
});

it('tables that are looked up, and positions, are whole numbers with a scale per row', async () => {
  const large = changed(({ graph }) => {
    const word = graph!.initializer!.find(({ name }) => name === 'word')!;
    const values = contentsOf(MODEL).weights['word'];
    const four = Float32Array.from({ length: 4 * values.length }, (_, i) => values[i % values.length]);
    Object.assign(word, { dims: [80, 32], rawData: new Uint8Array(four.buffer) });
    const positions = { name: 'positions', dataType: 1, dims: [80, 32], rawData: new Uint8Array(four.buffer) };
    const limits = [0, 4].map((at) => ({ name: `at${at}`, dataType: 7, dims: [1], int64Data: [at] }));
    graph!.initializer!.push(positions, ...limits);
    graph!.node!.splice(
      1,
      0,
      { opType: 'Slice', input: ['positions', 'at0', 'at4', 'at0'], output: ['first'] },
      { opType: 'Add', input: ['x', 'first'], output: ['placed'] },
    );
    graph!.node![4].input![0] = 'placed';
  });
  const bytes = quantizeOnnx(large, { dtype: 'int8', reduceRange: CUT });
  const { operations, weights } = contentsOf(bytes);
  expect(weights['word_rows_quantized']).toHaveLength(80 * 32);
  expect(weights['word_rows_scale']).toHaveLength(80);
  expect(weights['positions_rows_scale']).toHaveLength(80);
  expect(operations.filter((operation) => operation === 'DequantizeLinear')).toHaveLength(1);
  expect(Object.keys(weights).filter((name) => ['word', 'positions', 'w1'].includes(name))).toEqual([]);
  expect(bytes.length).toBeLessThan(0.35 * large.length);
  expect(distance(await outputsOf(bytes), await outputsOf(large))).toBeLessThan(0.6);
});

it('fp16: half the size, weights rounded to the nearest half and nothing else', async () => {
  const bytes = quantizeOnnx(MODEL, { dtype: 'fp16' });
  const { weights } = contentsOf(bytes);
  expect(weights['w1_half']).toHaveLength(2048);
  const rounded = changed(({ graph }) => {
    for (const one of graph!.initializer!) {
      if (!['w1', 'w2', 'w3'].includes(one.name!)) continue;
      const values = decodeFloat16(Uint16Array.from(weights[`${one.name!}_half`]));
      one.rawData = new Uint8Array(values.buffer);
    }
  });
  expect(await outputsOf(bytes)).toEqual(await outputsOf(rounded));
  expect(distance(await outputsOf(bytes), await outputsOf(MODEL))).toBeLessThan(0.02);
});

it('fp16 leaves weights as they are that no half holds: nothing overflows', async () => {
  const huge = changed(({ graph }) => {
    const w1 = graph!.initializer!.find(({ name }) => name === 'w1')!;
    const values = new Float32Array(new Uint8Array(w1.rawData!).buffer).fill(70_000, 0, 1);
    w1.rawData = new Uint8Array(values.buffer);
  });
  const bytes = quantizeOnnx(huge, { dtype: 'fp16' });
  const { weights } = contentsOf(bytes);
  expect(weights['w1'][0]).toBe(70_000);
  expect(weights).toHaveProperty('w2_half');
  expect((await outputsOf(bytes)).flat().every(Number.isFinite)).toBe(true);
});

it('what reads an input directly stays float32: nobody knows where its values go', () => {
  const direct = changed(({ graph }) => {
    graph!.input!.push({ name: 'x', type: { tensorType: { elemType: 1, shape: { dim: [{ dimValue: 32 }] } } } });
    graph!.node!.shift();
  });
  const { weights, operations } = contentsOf(quantizeOnnx(direct, { dtype: 'int8' }));
  expect(weights).toHaveProperty('w1');
  expect(operations.filter((operation) => operation === 'MatMulInteger')).toHaveLength(2);
});

describe('is refused in words', () => {
  const codeOf = async (run: () => unknown): Promise<string> => {
    try {
      await run();
    } catch (error) {
      if (!(error instanceof WbdcError)) throw error;
      return `${error.code}: ${error.message}`;
    }
    return 'nothing';
  };
  const quantize = (model: Uint8Array, options: Partial<QuantizeOnnxOptions> = {}) =>
    codeOf(() => quantizeOnnx(model, { dtype: 'int8', where: 'a.onnx', ...options }));

  it('another dtype', async () => {
    expect(await quantize(MODEL, { dtype: 'int4' as 'int8' })).toBe(
      "onnx-dtype: dtype: expected fp16 or int8, got 'int4'",
    );
  });

  it('bytes that are no model, and one that is cut', async () => {
    const expected = 'onnx-file: a.onnx: expected an ONNX model, got bytes of something else';
    expect(await quantize(new Uint8Array(0))).toBe(expected);
    expect(await quantize(new TextEncoder().encode('<html>'))).toBe(expected);
    expect(await quantize(MODEL.subarray(0, 9_000))).toBe(expected);
  });

  it('weights in a file beside it', async () => {
    const outside = changed(({ graph }) => Object.assign(graph!.initializer![1], { dataLocation: 1 }));
    expect(await quantize(outside)).toMatch(
      /^onnx-external: a.onnx: .* got weights in a file beside it: export it as one/,
    );
  });

  it('an older opset, branches, and what is quantized already', async () => {
    const old = changed(({ opsetImport }) => Object.assign(opsetImport![0], { version: 11 }));
    expect(await quantize(old)).toMatch(/^onnx-graph: .*opset 13 or later, got opset 11/);
    const branched = changed(({ graph }) =>
      graph!.node!.push({ opType: 'If', attribute: [{ name: 'then_branch', type: 5, g: {} }] }),
    );
    expect(await quantize(branched)).toMatch(/^onnx-graph: .*without branches or loops, got a node If/);
    for (const dtype of ['int8', 'fp16'] as const) {
      const twice = await quantize(quantizeOnnx(MODEL, { dtype: 'int8' }), { dtype });
      expect(twice).toMatch(/^onnx-graph: .*a model of float32, got a node DynamicQuantizeLinear/);
    }
  });

  it('a model that is too small', async () => {
    const small = changed(({ graph }) => {
      graph!.initializer = graph!.initializer!.filter(({ name }) => !/^w\d/.test(name!));
    });
    expect(await quantize(small)).toMatch(/^onnx-small: .*weights of 1024 values or more, got none/);
    expect(await quantize(small, { dtype: 'fp16' })).toMatch(/^onnx-small/);
    expect(await codeOf(() => calibrateOnnx(small, { open, feeds: [] }))).toMatch(/^onnx-small/);
  });

  it.each([NaN, Infinity])('weights of %s', async (value) => {
    const broken = changed(({ graph }) => {
      const w2 = graph!.initializer!.find(({ name }) => name === 'w2')!;
      const values = new Float32Array(new Uint8Array(w2.rawData!).buffer);
      values[777] = value;
      w2.rawData = new Uint8Array(values.buffer);
    });
    for (const dtype of ['int8', 'fp16'] as const) {
      const expected = 'onnx-weights: a.onnx: expected finite weights, got NaN or infinity in w2';
      expect(await quantize(broken, { dtype })).toBe(expected);
    }
    const feeds = [feedOf(0)];
    expect(await codeOf(() => calibrateOnnx(broken, { open, feeds }))).toMatch(/^onnx-weights: .*in n$|^onnx-weights/);
  });

  it('as many values as sizes do not say', async () => {
    const short = changed(({ graph }) => {
      const w2 = graph!.initializer!.find(({ name }) => name === 'w2')!;
      w2.rawData = w2.rawData!.subarray(0, 8_000);
    });
    expect(await quantize(short)).toBe('onnx-file: a.onnx: expected 2048 values of w2, got 8000 bytes');
  });

  it('ranges that are missing, or none; calibration without data, by another method', async () => {
    const ranges = await calibrated('minmax');
    const { g, ...others } = ranges;
    expect(await quantize(MODEL, { ranges: others })).toMatch(
      /^onnx-ranges: .*range of its value g, got none: calibrate/,
    );
    const turned = { ...ranges, g: { min: g.max, max: g.min } };
    expect(await quantize(MODEL, { ranges: turned })).toMatch(/^onnx-ranges: .*of its value g, got 5\.\d* to -0\.\d*/);
    expect(await codeOf(() => calibrateOnnx(MODEL, { open, feeds: [] }))).toMatch(
      /^calibration-empty: .*data to calibrate/,
    );
    const method = await codeOf(() => calibrateOnnx(MODEL, { open, feeds: [], method: 'mean' as 'minmax' }));
    expect(method).toBe("calibration-method: calibration: expected one of minmax, percentile, entropy, got 'mean'");
    const none = await codeOf(() => calibrateOnnx(MODEL, { open, feeds: [], percentile: 0 }));
    expect(none).toMatch(/^calibration-method: .*a percentile above 50, up to 100, got 0/);
  });
});
