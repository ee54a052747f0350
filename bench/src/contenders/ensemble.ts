/**
 * Our SVD ensemble: `node ensemble.js onnx|javascript|streaming <settings>`; streaming reads its rows from a file,
 * block by block.
 */
import { open } from 'node:fs/promises';
import { fitBlocks, javascriptProducts, transformBlocks, type Blocks, type Embeddings } from '@wbdc/ensemble-svd';
import { onnxProducts } from '@wbdc/ensemble-svd/onnxruntime';
import { serve, type Service } from '../serve.js';

interface Settings {
  /** Float32 `[rows, models * width]`. */
  readonly path: string;
  readonly rows: number;
  readonly models: number;
  readonly width: number;
  readonly dimension: number;
  readonly block: number;
}

const [kind, text] = process.argv.slice(2);
const { path, rows, models, width, dimension, block } = JSON.parse(text) as Settings;

/** The rows of every model, some thousand at a time. */
async function* blocks(): AsyncGenerator<Embeddings[]> {
  const file = await open(path);
  for (let from = 0; from < rows; from += block) {
    const count = Math.min(block, rows - from);
    const all = new Float32Array(count * models * width);
    await file.read(new Uint8Array(all.buffer), 0, all.byteLength, from * models * width * 4);
    const ids = Array.from({ length: count }, (_, i) => String(from + i));
    yield Array.from({ length: models }, (_, m) => ({ name: `job${m + 1}`, ids, width, values: columns(all, m) }));
  }
  await file.close();
}

/** The columns of one model. */
function columns(all: Float32Array, m: number): Float32Array {
  const values = new Float32Array(all.length / models);
  for (let row = 0; row * width < values.length; row++) {
    const start = (row * models + m) * width;
    values.set(all.subarray(start, start + width), row * width);
  }
  return values;
}

/** All blocks, read before. */
async function inMemory(): Promise<Embeddings[][]> {
  const all: Embeddings[][] = [];
  for await (const members of blocks()) all.push(members);
  return all;
}

const ABOUT = {
  onnx: 'products on ONNX Runtime, rows in memory',
  streaming: 'products on ONNX Runtime, rows read from a file twice, one block in memory',
  javascript: 'products in plain JavaScript, one thread, rows in memory',
};

await serve(async (): Promise<Service> => {
  const products = kind === 'javascript' ? javascriptProducts : await onnxProducts(await import('onnxruntime-node'));
  const held = kind === 'streaming' ? undefined : await inMemory();
  const rowsOf = (): Blocks => held ?? blocks();
  return {
    about: ABOUT[kind as keyof typeof ABOUT],
    step: async () => {
      const ensemble = await fitBlocks(rowsOf(), { dimension, products });
      let transformed = 0;
      for await (const part of transformBlocks(ensemble, rowsOf(), { products })) transformed += part.ids.length;
      if (transformed !== rows) throw new Error(`expected ${rows} rows, got ${transformed}`);
      return ensemble.share;
    },
  };
});
