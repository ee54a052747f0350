import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as ort from 'onnxruntime-node';
import { expect, it } from 'vitest';
import { calibrateOnnx } from '../../src/onnx.js';
import { leastDivergence } from '../../src/onnx/divergence.js';
import { Histogram } from '../../src/onnx/histogram.js';

/** Of `tools/parity/calibration.py`. */
interface Case {
  readonly name: string;
  readonly count: number;
  readonly power: number;
  readonly shift: number;
  readonly scales: readonly number[];
  readonly range: readonly [number, number];
  /** Bins at the end. */
  readonly bins: number;
}
interface Expected {
  readonly cases: readonly Case[];
  readonly model: Readonly<Record<string, readonly [number, number]>>;
}

const FOLDER = join(import.meta.dirname, '../fixtures/quantize');
const readJson = (name: string): unknown => JSON.parse(readFileSync(join(FOLDER, name), 'utf8'));
const { cases, model } = readJson('entropy.json') as Expected;
const { ids } = readJson('expected.json') as { ids: readonly (readonly (readonly number[])[])[] };

/** As the script makes it. */
function batchOf({ count, power, shift }: Case, scale: number, k: number): Float32Array {
  return Float32Array.from({ length: count }, (_, i) => {
    const x = (2 * ((i * 7919 + 104729 * (k + 1)) % 10007)) / 10007 - 1;
    return (Array.from({ length: power }).reduce((y: number) => y * x, 1) + shift) * scale;
  });
}

it.each(cases)('entropy finds the range that onnxruntime.quantization finds: $name', (of) => {
  const histogram = new Histogram(128);
  of.scales.forEach((scale, k) => histogram.add(batchOf(of, scale, k)));
  const { min, max } = histogram.informative();
  const wider = Math.max(...of.range.map(Math.abs), 1e-9);
  expect(Math.abs(min - of.range[0]) / wider).toBeLessThan(1e-6);
  expect(Math.abs(max - of.range[1]) / wider).toBeLessThan(1e-6);
});

it('some of these ranges leave values out, or nothing is shown', () => {
  const cut = cases.filter(({ range: [, max], scales, shift }) => max < 0.8 * (1 + shift) * Math.max(...scales));
  expect(cut.map(({ name }) => name)).toEqual(expect.arrayContaining(['long tails', 'longer tails']));
});

it('of a model, batch after batch', async () => {
  const bytes = new Uint8Array(readFileSync(join(FOLDER, 'model.onnx')));
  const feeds = [1, 0, 1].map((batch) => {
    const of = ids[batch];
    return { ids: new ort.Tensor('int32', Int32Array.from(of.flat()), [of.length, of[0].length]) };
  });
  const open = (graph: Uint8Array) => ort.InferenceSession.create(graph);
  const ranges = await calibrateOnnx(bytes, { open, feeds, method: 'entropy' });
  for (const [name, [min, max]] of Object.entries(model))
    expect([ranges[name].min / min, ranges[name].max / max]).toEqual([expect.closeTo(1, 5), expect.closeTo(1, 5)]);
});

it('keeps all of bins where nothing lies, and of those that all have as much', () => {
  expect(leastDivergence(new Float64Array(128))).toEqual({ from: 0, to: 128 });
  expect(leastDivergence(new Float64Array(128).fill(7))).toEqual({ from: 0, to: 128 });
});
