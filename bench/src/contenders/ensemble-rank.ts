/**
 * The SVD ensemble as one of several ranks, over rows that are made as they are read: `node ensemble-rank.js
 * <settings>`, under mpirun or alone. Rank 0 saves the ensemble and prints what it cost.
 */
import { gatherValues, single, type Communicator } from '@wbdc/distributed';
import { connect } from '@wbdc/distributed/node';
import { fitBlocks, transformBlocks, type Embeddings } from '@wbdc/ensemble-svd';
import { save } from '@wbdc/ensemble-svd/node';
import { onnxProducts } from '@wbdc/ensemble-svd/onnxruntime';
import * as ort from 'onnxruntime-node';
import { median } from '../statistics.js';

export interface EnsembleSettings {
  readonly rows: number;
  readonly models: number;
  /** Of each model. */
  readonly width: number;
  readonly dimension: number;
  /** Of each rank. */
  readonly threads: number;
  /** Gets the ensemble. */
  readonly path: string;
}

/** What a rank has used. */
export interface EnsembleRank {
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly collectiveSeconds: number;
  readonly collectiveBytes: number;
  /** Largest resident set. */
  readonly peakRss: number;
  /** Of the resident set while rows are read: its median over the last quarter less that over the second. */
  readonly grownRss: number;
}

const settings = JSON.parse(process.argv[2]) as EnsembleSettings;
const { rows, models, width, dimension, threads, path } = settings;
const BLOCK = 1000;
const communicator = await connect();
const { rank, size } = communicator;
const spent = { seconds: 0, bytes: 0 };
const [first, past] = [Math.floor((rank * rows) / size), Math.floor(((rank + 1) * rows) / size)];
const resident: number[] = [];

/** The strength of the directions: each a hundredth below the one before, then noise. One model has every sixth. */
const scales = Float32Array.from({ length: models * width }, (_, column) => {
  const place = (column % width) * models + Math.floor(column / width);
  return Math.max(0.03, Math.exp(-0.01 * place));
});
/** Some of what all videos are about, which no single column is. */
const ABOUT = 97;
const about = Float32Array.from({ length: ABOUT * models * width }, (_, i) => 0.02 * Math.sin(1 + (i % 9973) * 0.7));

/** Values of a row, by its number alone: the same however rows are divided. */
function writeRow(row: number, members: readonly Float32Array[], at: number): void {
  let state = Math.imul(row + 1, 0x9e3779b1) | 1;
  const wave = (row % ABOUT) * models * width;
  for (let m = 0, column = 0; m < models; m++) {
    const values = members[m];
    for (let k = 0; k < width; k++, column++) {
      state ^= state << 13;
      state ^= state >>> 17;
      state ^= state << 5;
      values[at + k] = (state / 2147483648) * scales[column] + about[wave + column];
    }
  }
}

function* blocks(): Generator<Embeddings[]> {
  for (let from = first; from < past; from += BLOCK) {
    const count = Math.min(BLOCK, past - from);
    const all = Array.from({ length: models }, () => new Float32Array(count * width));
    for (let i = 0; i < count; i++) writeRow(from + i, all, i * width);
    const ids = Array.from({ length: count }, (_, i) => String(from + i));
    yield all.map((values, m) => ({ name: `job${m + 1}`, ids, width, values }));
    resident.push(process.memoryUsage.rss());
  }
}

const begun = performance.now();
const create = (model: Uint8Array) => ort.InferenceSession.create(model, { intraOpNumThreads: threads });
const products = await onnxProducts({ InferenceSession: { create }, Tensor: ort.Tensor as never });
const ensemble = await fitBlocks(blocks(), { dimension, products, communicator: counting(communicator) });
const read = resident.length;
let transformed = 0;
for await (const { ids } of transformBlocks(ensemble, blocks(), { products })) transformed += ids.length;
if (transformed !== past - first) throw new Error(`expected ${past - first} rows, got ${transformed}`);
const { user, system } = process.cpuUsage();
const quarter = Math.max(1, read >> 2);
const used: EnsembleRank = {
  seconds: (performance.now() - begun) / 1000,
  cpuSeconds: (user + system) / 1e6,
  ...{ collectiveSeconds: spent.seconds, collectiveBytes: spent.bytes },
  peakRss: process.resourceUsage().maxRSS * 1024,
  grownRss: median(resident.slice(read - quarter, read)) - median(resident.slice(quarter, 2 * quarter + 1)),
};
const all = await gatherValues(communicator, used);
if (rank === 0) {
  await save(ensemble, path);
  process.stdout.write(`${JSON.stringify(all)}\n`);
}
if (communicator !== single) await communicator.close();

/** With the time and bytes of what `fitBlocks` calls. */
function counting(of: Communicator): Communicator {
  if (of === single) return of;
  const timed = async <T>(bytes: number, run: () => Promise<T>): Promise<T> => {
    const start = performance.now();
    const result = await run();
    spent.seconds += (performance.now() - start) / 1000;
    spent.bytes += bytes;
    return result;
  };
  return {
    ...of,
    allReduce: (data, reduction, options) => timed(data.byteLength, () => of.allReduce(data, reduction, options)),
    broadcast: (data, root, options) => timed(data.byteLength, () => of.broadcast(data, root, options)),
    allGatherParts: (part, options) => timed(part.byteLength, () => of.allGatherParts(part, options)),
  };
}
