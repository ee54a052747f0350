import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import * as ort from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { fit, javascriptProducts, type Products } from '@wbdc/ensemble-svd';
import { onnxProducts } from '@wbdc/ensemble-svd/onnxruntime';
import { weightedRows } from '../src/rows.js';
import { ids, noise } from './noise.js';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** Bytes beside the heap that are reachable: typed arrays and the memory of WebAssembly. */
function held(): number {
  collect();
  collect(); // what the first found is counted as free from the next on
  return process.memoryUsage().external;
}

const WIDTH = 768;
const GRAM = 8 * WIDTH ** 2;
const CHUNK = 8 * 4096 * WIDTH;
const member = (rows: number, width: number) => {
  return { name: 'model', ids: ids(rows), width, values: Float32Array.from(noise(3, rows * width)) };
};

describe.each([
  ['JavaScript', (): Products => javascriptProducts],
  ['ONNX Runtime', (): Promise<Products> => onnxProducts(ort)],
])('what a fit holds, by %s', async (_, make) => {
  const products = await make();

  it('one Gram matrix, at most a chunk beside it, and nothing of the rows once that is made', async () => {
    const models = [member(64, WIDTH)];
    const before = held();
    const reading: number[] = [];
    const decomposing: number[] = [];
    let calls = 0;
    const watched: Products = {
      ...products,
      addGramOfColumns: async (...args) => {
        await products.addGramOfColumns!(...args);
        reading.push(held() - before);
      },
      project: async (...args) => {
        const result = await products.project(...args);
        if (calls++ % 16 === 0) decomposing.push(held() - before);
        return result;
      },
    };
    await fit(models, { dimension: 16, products: watched });
    expect(reading).toHaveLength(1);
    expect(reading[0]).toBeGreaterThan(GRAM); // what is measured is seen
    expect(reading[0]).toBeLessThan(1.2 * GRAM + CHUNK);
    expect(decomposing.length).toBeGreaterThan(4);
    expect(Math.max(...decomposing)).toBeLessThan(1.7 * GRAM);
  }, 120_000);
});

it('ONNX Runtime writes into our memory, some rows of the Gram matrix at a time', async () => {
  const [rows, width] = [3, 1000];
  const sizes: number[] = [];
  const create = async (model: Uint8Array) => {
    const session = await ort.InferenceSession.create(model);
    const run: typeof session.run = (feeds: never, fetches: Record<string, ort.Tensor>) => {
      sizes.push(...session.outputNames.map((name) => fetches[name].size));
      return session.run(feeds, fetches);
    };
    return { run };
  };
  const products = await onnxProducts({ InferenceSession: { create }, Tensor: ort.Tensor as never });
  const sum = new Float64Array(width * width);
  await products.addGramOfColumns!(noise(3, rows * width), rows, width, sum);
  await products.project(noise(5, rows * width), rows, width, noise(7, 2 * width), 2);
  expect(sizes).toEqual([200 * 1000, 200 * 800, 200 * 600, 200 * 400, 200 * 200, rows * 2]);
});

it.each([
  [1536, 4096],
  [6144, 1024],
  [100_000, 256],
])('chunks of %i columns have %i rows', async (width, rows) => {
  const few = member(1, width);
  const all = ids(2 * rows);
  const sizes: number[] = [];
  const blocks = (function* () {
    for (const id of all) yield [{ ...few, ids: [id] }];
  })();
  for await (const chunk of weightedRows(blocks, () => [1])) {
    sizes.push(chunk.ids.length);
    if (width > 1536) break; // the time
  }
  expect(sizes[0]).toBe(rows);
});
