/**
 * What reading costs: annotations, the feature store, batches of both formats, and how long a training at base size
 * waits for them. `nx run bench:read`, or after `npx tsc -b bench` `node bench/dist/read.js [videos] [folder] [steps]`.
 * A training takes about 6 GB; 0 steps leave it out. 1,000,000 videos are the full size: 32 x 768 float16 each, 49 GB
 * as a sparse file of about 4.5 GB. Deleting that takes many minutes where the disk discards freed blocks at once: give
 * a folder in memory (/dev/shm).
 */
import {
  closeSync,
  createReadStream,
  ftruncateSync,
  mkdtempSync,
  openSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { crc32 } from 'node:zlib';
import {
  aiacStride,
  batchSchedule,
  createFeatureStore,
  encodeNpy,
  openAiacFiles,
  openDataset,
  openFeatureStore,
  prefetch,
  readAnnotations,
  readBatch,
  writeAiacVideos,
  writeAnnotations,
  type Dataset,
  type DatasetOptions,
  type Video,
} from '@wbdc/data';
import { floats, randomKey, type Floats } from '@wbdc/nn';
import { QQ_LAYOUT, Tokenizer, WBDC_LAYOUT } from '@wbdc/tokenizer';
import chain from 'stream-chain';
import { parser } from 'stream-json';
import { streamArray } from 'stream-json/streamers/stream-array.js';
import yauzl from 'yauzl';
import { trainFrom } from './waiting.js';

const VIDEOS = Number(process.argv[2] ?? 100_000);
const STEPS = Number(process.argv[4] ?? 10);
const folder = mkdtempSync(join(process.argv[3] ?? tmpdir(), 'wbdc-bench-read-'));
const id = (i: number): string => String(10n ** 19n + ((BigInt(i) * 7919n) % 10n ** 12n));
const text = (i: number, length: number): string =>
  Array.from({ length }, (_, k) => String.fromCodePoint(0x4e00 + ((i * 31 + k * 17) % 4000))).join('');
const video = (i: number): Video => ({
  id: id(i),
  title: text(i, 20),
  asr: text(i + 1, 80),
  ocr: [0, 1, 2].map((time) => ({ time, text: text(i + time, 12) })),
});

async function measure<T>(name: string, run: () => T | Promise<T>, unit = '', amount = 1): Promise<T> {
  globalThis.gc?.();
  const before = process.memoryUsage().rss;
  const start = performance.now();
  const used = process.cpuUsage();
  const result = await run();
  const seconds = (performance.now() - start) / 1000;
  const { user, system } = process.cpuUsage(used);
  const rate = unit ? `, ${(amount / seconds).toPrecision(3)} ${unit}/s` : '';
  const memory = Math.round((process.memoryUsage().rss - before) / 1e6);
  console.log(
    `${name}: ${seconds.toPrecision(3)} s${rate}, processor ${((user + system) / 1e6).toPrecision(3)} s, ` +
      `resident ${memory >= 0 ? '+' : ''}${memory} MB`,
  );
  return result;
}

/** Also says how high memory rose on the way: it must not grow with the file. */
async function count(items: AsyncIterable<unknown>): Promise<number> {
  const before = process.memoryUsage().rss;
  let n = 0;
  let peak = before;
  const iterator = items[Symbol.asyncIterator]();
  while (!(await iterator.next()).done) if (++n % 10_000 === 0) peak = Math.max(peak, process.memoryUsage().rss);
  console.log(`${n} records, at most ${Math.round((peak - before) / 1e6)} MB more than before`);
  return n;
}

async function benchAnnotations(): Promise<void> {
  const path = join(folder, 'unlabeled.json');
  const records = VIDEOS;
  await writeAnnotations(
    path,
    (function* () {
      for (let i = 0; i < records; i++) yield video(i);
    })(),
  );
  const megabytes = statSync(path).size / 1e6;
  console.log(`\nAnnotations: ${records} records, ${megabytes.toFixed(0)} MB`);
  await measure('readAnnotations (checked)', () => count(readAnnotations(path)), 'MB', megabytes);
  if (VIDEOS <= 100_000)
    await measure(
      'stream-json (not checked)',
      () => count(chain([createReadStream(path), parser(), streamArray()])),
      'MB',
      megabytes,
    );
}

/** What an interrupted writer leaves: entries with their headers, the zeros of the features as holes of the file. */
function writeUnfinishedStore(path: string): void {
  const npy = Buffer.from(encodeNpy(floats([32, 768]), 'float16'));
  const head = npy.subarray(0, npy.length - 32 * 768 * 2);
  const local = Buffer.alloc(30 + 24);
  local.writeUInt32LE(0x04034b50, 0);
  local.writeUInt32LE(crc32(npy), 14);
  local.writeUInt32LE(npy.length, 18);
  local.writeUInt32LE(npy.length, 22);
  local.writeUInt16LE(24, 26);
  const file = openSync(`${path}.part`, 'w');
  const stride = local.length + npy.length;
  for (let i = 0; i < VIDEOS; i++) {
    local.write(`${id(i)}.npy`, 30, 'latin1');
    writeSync(file, Buffer.concat([local, head]), 0, local.length + head.length, i * stride);
  }
  ftruncateSync(file, VIDEOS * stride);
  closeSync(file);
}

function listWithYauzl(path: string): Promise<Map<string, number>> {
  return new Promise((resolve, reject) => {
    yauzl.open(path, { lazyEntries: true }, (error, zip) => {
      if (error) return reject(error);
      const offsets = new Map<string, number>();
      zip.on('entry', ({ fileName, relativeOffsetOfLocalHeader }) => {
        offsets.set(fileName, relativeOffsetOfLocalHeader);
        zip.readEntry();
      });
      zip.on('end', () => resolve(offsets));
      zip.readEntry();
    });
  });
}

async function benchStore(): Promise<void> {
  const path = join(folder, 'features.zip');
  writeUnfinishedStore(path);
  console.log(`\nFeature store: ${VIDEOS} videos, ${(statSync(`${path}.part`).size / 1e9).toFixed(1)} GB`);
  const writer = await measure(
    'resume of an interrupted writer',
    () => createFeatureStore(path, { width: 768, resume: true }),
    'videos',
    VIDEOS,
  );
  await measure('finish', () => writer.finish());
  const store = await measure('open', () => openFeatureStore(path));
  await measure('directory with yauzl into a Map', () => listWithYauzl(path));
  const reads = Math.min(5000, VIDEOS);
  await measure(
    `${reads} videos at random`,
    async () => {
      for (let i = 0; i < reads; i++) await store.read(id((i * 104_729) % VIDEOS));
    },
    'videos',
    reads,
  );
  await measure(
    `${reads} videos in order`,
    async () => {
      for (let i = 0; i < reads; i++) await store.read(id(i));
    },
    'videos',
    reads,
  );
  await store.close();
}

/** A vocabulary of the usual size and order. */
function makeTokenizer(): Tokenizer {
  const special: Readonly<Record<number, string>> = {
    0: '[PAD]',
    100: '[UNK]',
    101: '[CLS]',
    102: '[SEP]',
    103: '[MASK]',
  };
  const word = (i: number): string => special[i] ?? (i < 104 ? `[unused${i}]` : String.fromCodePoint(0x4e00 + i - 104));
  return Tokenizer.fromVocab(Array.from({ length: 21_128 }, (_, i) => word(i)));
}

type TextsAndFeatures = Pick<DatasetOptions, 'features' | 'layout' | 'stride'> & {
  readonly videos: () => DatasetOptions['videos'];
};

/** Both formats as files on disk; `videos` is read anew by every call. */
async function makeSets(total: number): Promise<Record<string, TextsAndFeatures>> {
  const features = (width: number): Floats => floats([32, width], new Float32Array(32 * width).fill(0.5));
  const tagged = (i: number): Video => ({
    ...video(i),
    tags: [0, 1, 2].map((k) => String((i * 31 + k * 977) % 10_000)),
  });
  const all = function* () {
    for (let i = 0; i < total; i++) yield tagged(i);
  };
  const annotations = join(folder, 'small.json');
  const store = join(folder, 'small.zip');
  const records = join(folder, 'small.tfrecords');
  await writeAnnotations(annotations, all());
  const writer = await createFeatureStore(store, { width: 768 });
  for (let i = 0; i < total; i++) await writer.add(id(i), features(768));
  await writer.finish();
  const frames = features(1536);
  await writeAiacVideos(
    records,
    (function* () {
      for (const one of all()) yield { ...one, frames };
    })(),
  );
  const wbdc = await openFeatureStore(store);
  const aiac = await openAiacFiles([records]);
  return {
    'WBDC (256 tokens, 32 x 768)': { videos: () => readAnnotations(annotations), features: wbdc, layout: WBDC_LAYOUT },
    'AIAC (36 tokens, 32 x 1536)': {
      videos: () => aiac.videos(),
      features: aiac,
      layout: QQ_LAYOUT,
      stride: aiacStride,
    },
  };
}

/**
 * What a training at base size waits for: its batches, read on a thread, and the tokens of all texts before its start.
 */
async function benchBatches(): Promise<void> {
  const [total, size] = [2000, 16];
  const sets = await makeSets(total);
  const tokenizer = makeTokenizer();
  const tags = Array.from({ length: 10_000 }, (_, i) => String(i));
  console.log(`\nBatches of ${size}: ${total} videos, files in the cache of the system`);
  for (const [name, { videos, ...set }] of Object.entries(sets)) {
    const start = performance.now();
    const open = () => openDataset({ ...set, videos: videos(), tokenizer, tags, thread: true });
    const dataset = await measure(`${name}: open (read texts, tokenise)`, open, 'videos', total);
    const tokenising = (performance.now() - start) / 1000 / total;
    const schedule = batchSchedule({ lengths: dataset.lengths, batchSize: size, seed: 1 });
    const batchAt = prefetch((step) => readBatch(dataset, schedule.batchOfStep(step), randomKey(step)));
    const steps = 2 * schedule.batchesPerEpoch;
    await measure(
      `${name}: ${steps} batches`,
      async () => {
        for (let step = 0; step < steps; step++) await batchAt(step);
      },
      'batches',
      steps,
    );
    if (STEPS > 0) await benchWaiting(name, dataset, size, tokenising);
    await dataset.close();
  }
  await Promise.all(Object.values(sets).map(({ features }) => features.close()));
}

async function benchWaiting(name: string, dataset: Dataset, batch: number, tokenising: number): Promise<void> {
  const { about, parameters, seconds, share, longest } = await trainFrom(dataset, { steps: STEPS, batch });
  const percent = (part: number): string => `${(100 * part).toPrecision(2)} %`;
  console.log(
    `${name}: training ${(parameters / 1e6).toFixed(0)} million parameters, ${STEPS} steps of ${batch} videos, ` +
      `${seconds.toPrecision(3)} s each (${about}):\n` +
      `  waited for data ${percent(share)} of the time, at most ${(1000 * longest).toFixed(0)} ms before a step; ` +
      `texts and tokens before the start are ${percent((batch * tokenising) / seconds)} of an epoch`,
  );
}

/** On two cores that nobody else uses: a step of the training takes up to 9 s, in two formats. */
const estimate = 10 + VIDEOS / 10_000 + STEPS * 13;
console.log(`about ${estimate.toFixed(0)} s on two idle cores; each line is printed when it is measured`);
try {
  await benchAnnotations();
  await benchStore();
  await benchBatches();
} finally {
  rmSync(folder, { recursive: true, force: true });
}
