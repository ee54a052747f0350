/**
 * Fits and transforms 100,000 x 1536 to 256 (six models of 256) and, where Python has them, does the same with NumPy and
 * scikit-learn. `npm run bench:ensemble [-- rows]`; `PYTHON` names the interpreter, `SKIP_JS=1` leaves plain JavaScript out.
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { fitBlocks, javascriptProducts, transformBlocks } from '@wbdc/ensemble-svd';
import { onnxProducts } from '@wbdc/ensemble-svd/onnxruntime';
import * as ort from 'onnxruntime-node';

const ROWS = Number(process.argv[2] ?? 100_000);
const [MODELS, WIDTH, DIMENSION, BLOCK] = [6, 256, 256, 10_000];

/** Cheap values of full rank, some directions stronger: noise plus a few waves. */
function makeBlock(from) {
  const count = Math.min(BLOCK, ROWS - from);
  let state = from + 1;
  return Array.from({ length: MODELS }, (_, m) => {
    const values = new Float32Array(count * WIDTH);
    for (let i = 0; i < values.length; i++) {
      state = (state * 48271) % 2147483647;
      values[i] = state / 2147483647 - 0.5 + Math.sin(((i % WIDTH) + 1) * 0.01 * ((Math.floor(i / WIDTH) % 97) + m));
    }
    const ids = Array.from({ length: count }, (_, i) => String(from + i));
    return { name: `job${m + 1}`, ids, width: WIDTH, values };
  });
}

async function measure(name, products, blocks) {
  const used = process.cpuUsage();
  const start = performance.now();
  const ensemble = await fitBlocks(blocks, { dimension: DIMENSION, products });
  const middle = performance.now();
  let rows = 0;
  for await (const part of transformBlocks(ensemble, blocks, { products })) rows += part.ids.length;
  const end = performance.now();
  const { user, system } = process.cpuUsage(used);
  const seconds = (from, to) => ((to - from) / 1000).toFixed(1);
  console.log(
    `${name}: ${seconds(start, end)} s (fit ${seconds(start, middle)}, transform ${seconds(middle, end)}), ` +
      `processor ${((user + system) / 1e6).toFixed(1)} s, ${rows} rows, resident ${Math.round(process.memoryUsage().rss / 1e6)} MB`,
  );
}

const blocks = [];
for (let from = 0; from < ROWS; from += BLOCK) blocks.push(makeBlock(from));
await measure('onnxProducts', await onnxProducts(ort), blocks);
if (!process.env['SKIP_JS']) await measure('javascriptProducts', javascriptProducts, blocks);
const script = join(import.meta.dirname, 'ensemble.py');
const python = spawnSync(process.env['PYTHON'] ?? 'python3', [script, String(ROWS)], { encoding: 'utf8' });
console.log(python.status === 0 ? python.stdout.trim() : 'NumPy and scikit-learn: not here (set PYTHON to compare)');
