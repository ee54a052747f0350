/** The SVD ensemble: six models of 256 values, side by side, to 256. Ours against scikit-learn's and NumPy. */
import { mkdtempSync, openSync, rmSync, writeSync, closeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { compare } from './compare.js';
import { readOptions } from './options.js';
import { findPython, nodePeer, pythonPeer, withoutPython } from './python.js';
import { publish } from './report.js';

const options = readOptions(3);
const { threads, small, sizes } = options;
const rows = sizes.batch ?? (small ? 5000 : 100_000);
const [models, width, dimension] = [6, 256, 256];
const BLOCK = 10_000;

/** Cheap values of full rank, some directions stronger: noise plus a few waves. */
function makeBlock(from: number, count: number): Float32Array {
  const values = new Float32Array(count * models * width);
  let state = from + 1;
  for (let i = 0; i < values.length; i++) {
    state = (state * 48271) % 2147483647;
    const [row, column] = [Math.floor(i / (models * width)), i % (models * width)];
    values[i] = state / 2147483647 - 0.5 + Math.sin(((column % width) + 1) * 0.01 * (row % 97) + column / width);
  }
  return values;
}

function writeRows(path: string): void {
  const file = openSync(path, 'w');
  for (let from = 0; from < rows; from += BLOCK) {
    const { buffer } = makeBlock(from, Math.min(BLOCK, rows - from));
    writeSync(file, new Uint8Array(buffer as ArrayBuffer));
  }
  closeSync(file);
}

const folder = mkdtempSync(join(tmpdir(), 'wbdc-bench-'));
try {
  const path = join(folder, 'rows.f32');
  writeRows(path);
  const settings = JSON.stringify({ path, rows, models, width, dimension, block: BLOCK, threads });
  const python = findPython('sklearn');
  const py = (kind: string, name: string) => pythonPeer(python!, 'ensemble.py', name, [kind, settings], threads);
  const comparison = await compare({
    ...options,
    reference: nodePeer('ensemble.js', 'onnxProducts', ['onnx', settings]),
    others: [
      ...(python ? [py('sklearn', 'scikit-learn'), py('numpy', 'NumPy')] : []),
      nodePeer('ensemble.js', 'onnxProducts from a file', ['streaming', settings]),
      nodePeer('ensemble.js', 'javascriptProducts', ['javascript', settings]),
    ],
    bytesEach: 3e8 + 3 * rows * models * width * 8,
  });
  publish(
    {
      name: 'ensemble',
      work:
        `Fit and transform ${rows} x ${models * width} (${models} models, ${threads} threads) to ` +
        `${dimension}, float64.`,
      comparison,
      amount: rows,
      unit: 'rows',
      baselines: ['scikit-learn', 'NumPy'],
      notes: [
        'all hold the rows in memory, as float32, but the streaming one; bringing them to length 1 in float64 ' +
          'counts for all',
        ...(python ? [] : [withoutPython('sklearn')]),
      ],
      result: 'share kept',
    },
    options,
  );
} finally {
  rmSync(folder, { recursive: true });
}
