/** One stage of handling videos, in a process of its own: what it took as a line of JSON. */
import { mkdir } from 'node:fs/promises';
import {
  batchSchedule,
  groupVideos,
  openDataset,
  openFeatureStore,
  readAnnotations,
  readBatch,
  readLabels,
  type Dataset,
} from '@wbdc/data';
import { groupsOf, labelledVideos, pairLengths, pairSet, readPairBatch, splitByFold, splitPairs } from '@wbdc/finetune';
import { sizeOnDisk } from '@wbdc/io';
import { randomInt, randomKey } from '@wbdc/nn';
import { buildVocabulary, checkWbdcData } from '@wbdc/pipeline/prepare';
import { openIndex } from '@wbdc/search';
import { Tokenizer, WBDC_LAYOUT } from '@wbdc/tokenizer';
import {
  fingerprintOf,
  idOf,
  numbered,
  pathsOf,
  SPLIT,
  vectorOf,
  VECTOR_WIDTH,
  videoOf,
  writeFeatures,
  writePairs,
  writeVideos,
} from '../growth-data.js';
import type { GrowthPoint } from '../growth-fit.js';
import { peakRss } from '../serve.js';

export interface GrowthWork {
  readonly stage: StageName;
  readonly videos: number;
  /** Of the data set of this size. */
  readonly folder: string;
}

/** What is measured, and only that; what has to be open before is made first. */
type Measured = () => Promise<unknown>;
type Stage = (paths: ReturnType<typeof pathsOf>, work: GrowthWork) => Promise<Measured>;

/** Of an index, fewer vectors than any size has: each builds its graph, which by default a small one does without. */
const EXACT_UP_TO = 100;
const BATCH = 16;
const QUERIES = 200;
const MODEL = { name: 'video', hash: '0123456789abcdef', width: VECTOR_WIDTH };

const STAGES = {
  annotations: async ({ annotations }, { videos }) => {
    return async () => {
      await writeVideos(annotations, videos);
    };
  },
  check: async (_, { folder }) => {
    return async () => {
      for await (const { bad } of checkWbdcData({ root: folder, splits: [SPLIT] })) expectNone(bad);
    };
  },
  vocabulary: async (_, { folder }) => {
    return async () => {
      const { unknown, tokens } = await buildVocabulary({
        ...{ root: folder, splits: [SPLIT], vocab: { size: 21_128, minFrequency: 2 } },
      });
      if (tokens === 0 || unknown > 0.1 * tokens) throw new Error(`${unknown} of ${tokens} tokens are unknown`);
    };
  },
  'store written': async ({ store }, { videos }) => {
    return async () => {
      await writeFeatures(store, videos);
    };
  },
  'store opened': async ({ store }, { videos }) => {
    return async () => {
      const features = await openFeatureStore(store);
      for (let i = 0; i < videos; i++) expectNone(features.has(idOf(i)) ? 0 : 1);
      await features.close();
    };
  },
  'store read': async ({ store }, { videos }) => {
    const features = await openFeatureStore(store);
    const key = randomKey(1);
    return async () => {
      for (let i = 0; i < videos; i++) await features.read(idOf(randomInt(key, i, videos)));
      await features.close();
    };
  },
  'data set opened': async (paths) => {
    return async () => {
      await openSet(paths);
    };
  },
  'batches planned': async (paths) => {
    const dataset = await openSet(paths);
    return async () => {
      const { batchOfStep } = batchSchedule({ lengths: dataset.lengths, batchSize: BATCH, seed: 1 });
      batchOfStep(0);
    };
  },
  'batches read': async (paths) => {
    const dataset = await openSet(paths);
    const { batchOfStep, batchesPerEpoch } = batchSchedule({ lengths: dataset.lengths, batchSize: BATCH, seed: 1 });
    return async () => {
      for (let step = 0; step < batchesPerEpoch; step++) await readBatch(dataset, batchOfStep(step), randomKey(step));
    };
  },
  pairs: async (paths, { videos }) => {
    await writePairs(paths.labels, videos);
    const dataset = await openSet(paths);
    return async () => {
      const read = await readLabels(paths.labels);
      const groups = groupsOf(dataset);
      const groupOf = (id: string): string => groups.get(id) ?? id;
      const all = read.map(({ id1, id2, score }) => ({ left: id1, right: id2, score }));
      const split = { split: 'video-disjoint', folds: 5, fold: 0, share: 0.1, groupOf } as const;
      const train = pairSet(splitPairs(all, split).train, dataset);
      const { batchOfStep } = batchSchedule({ lengths: pairLengths(train), batchSize: BATCH, seed: 1 });
      await readPairBatch(train, batchOfStep(0), (score) => score);
    };
  },
  folds: async (paths) => {
    const dataset = await openSet(paths);
    return async () => {
      const { validation } = splitByFold(labelledVideos(dataset), { folds: 5, fold: 0 });
      if (validation.length === 0) throw new Error('no video to validate');
    };
  },
  'index filled': async ({ index }, { videos }) => {
    await mkdir(index, { recursive: true });
    return async () => {
      const open = await openIndex(index, { create: true, exactUpTo: EXACT_UP_TO });
      await open.addModel(MODEL);
      await open.add(numbered(videos, rowOf));
      await open.close();
    };
  },
  'index asked': async ({ index }, { videos }) => {
    const open = await openIndex(index, { exactUpTo: EXACT_UP_TO });
    await open.search({ vectors: [vector(0)], limit: 10 });
    return async () => {
      for (let i = 0; i < QUERIES; i++) {
        const [hit] = await open.search({ vectors: [vector((i * 7919) % videos)], limit: 10 });
        if (hit === undefined) throw new Error('the index found nothing');
      }
    };
  },
  'like pictures': async (_, { videos }) => {
    const all = Array.from({ length: videos }, (_, i) => {
      return { id: idOf(i), hash: String(i), fingerprint: fingerprintOf(i) };
    });
    return async () => {
      const { alike } = groupVideos(all);
      if (alike.length < Math.floor((videos + 98) / 100)) throw new Error(`${alike.length} groups of like videos`);
    };
  },
} as const satisfies Record<string, Stage>;

export type StageName = keyof typeof STAGES;

/** What stages leave on the disk. */
const WRITES: Partial<Record<StageName, keyof ReturnType<typeof pathsOf>>> = {
  ...{ annotations: 'annotations', 'store written': 'store', 'index filled': 'index' },
};

const work = JSON.parse(process.argv[2]) as GrowthWork;
process.stdout.write(`${JSON.stringify(await measure(work))}\n`);
process.exit(0);

async function measure(work: GrowthWork): Promise<GrowthPoint> {
  const run: Measured = await STAGES[work.stage](pathsOf(work.folder), work);
  const [started, cpu] = [performance.now(), process.cpuUsage()];
  await run();
  const seconds = (performance.now() - started) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  const path = WRITES[work.stage];
  const bytes = path === undefined ? {} : { bytes: await sizeOnDisk(pathsOf(work.folder)[path]) };
  return { videos: work.videos, seconds, cpuSeconds: (user + system) / 1e6, peakRss: peakRss(), ...bytes };
}

async function openSet({ annotations, store }: ReturnType<typeof pathsOf>): Promise<Dataset> {
  const ideographs = Array.from({ length: 4000 }, (_, i) => String.fromCodePoint(0x4e00 + i));
  const letters = [...'abcdefghijklmnopqrstuvwxyz0123456789'].flatMap((letter) => [letter, `##${letter}`]);
  const special = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]'];
  return openDataset({
    ...{ videos: readAnnotations(annotations), features: await openFeatureStore(store) },
    ...{ tokenizer: Tokenizer.fromVocab([...special, ...ideographs, ...letters]), layout: WBDC_LAYOUT },
    tags: (counts) => counts.slice(0, 1000).map(({ tag }) => tag),
  });
}

function rowOf(i: number) {
  const { id, title, asr, tags = [] } = videoOf(i);
  return { id, title, asr, tags, vectors: [vector(i)] };
}

function vector(i: number) {
  return { model: MODEL.name, hash: MODEL.hash, values: vectorOf(i) };
}

function expectNone(bad: number): void {
  if (bad > 0) throw new Error('a video is missing or bad');
}
