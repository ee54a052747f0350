import { mkdir } from 'node:fs/promises';
import * as tf from '@tensorflow/tfjs';
import { openDataset, SkipCounter, type Dataset, type Video } from '@wbdc/data';
import { single } from '@wbdc/distributed';
import { connect } from '@wbdc/distributed/node';
import { floats, foldIn, randomInt, randomKey, randomSubset, uniform } from '@wbdc/nn';
import { registerOrtBackend } from '@wbdc/tfjs-backend-ort';
import { Tokenizer, trainVocabulary } from '@wbdc/tokenizer';
import type { DecodeVideo } from '@wbdc/video-features';
import { finetuneSchema, framesSchema, modelSchema, textSchema } from '../../src/index.js';
import { ClipVideos, finetune, pretrain, trainClip, type FinetuneOptions } from '../../src/node.js';

export interface Training {
  readonly stage: 'pretrain' | 'category' | 'similarity' | 'tags' | 'clip';
  readonly folder: string;
  readonly resume?: boolean;
  /** A rank that is told to stop after a step. */
  readonly abortAt?: { readonly rank: number; readonly step: number };
  /** A rank whose videos are others. */
  readonly otherData?: number;
  readonly gradientDtype?: 'bf16';
  readonly zero?: 1;
  readonly epochs?: number;
  /** How the losses of pretraining's tasks are joined. */
  readonly reduction?: 'sum' | 'mean';
  readonly settings?: object;
}

/**
 * Trains stages, one after another, as one of the ranks that a launcher started, or alone: videos of many lengths, so
 * that padding, masks and counts differ between the parts of a batch. Argument: `Training[]` as JSON.
 */
const trainings = JSON.parse(process.argv[2]) as Training[];
const key = randomKey(7);
const WORDS = ['cat', 'dog', 'bus', 'red', 'sun', 'sea', 'ice', 'owl'];
const tokenizer = Tokenizer.fromVocab(trainVocabulary(WORDS, { size: 60, minFrequency: 1 }));
const WIDTH = 6;

const draw = (what: string, video: number, bound: number): number => randomInt(foldIn(key, what), video, bound);
const words = (what: string, video: number, count: number): string =>
  Array.from({ length: count }, (_, i) => WORDS[draw(`${what}${i}`, video, WORDS.length)]).join(' ');

function videosFrom(first: number, count: number): Video[] {
  return Array.from({ length: count }, (_, i) => first + i).map((number) => ({
    id: `1${String(number).padStart(18, '0')}`,
    title: words('title', number, 1 + draw('length', number, 6)),
    asr: words('asr', number, draw('asr length', number, 4)),
    ocr: [],
    categoryId: ['0100', '0101', '0203'][draw('category', number, 3)],
    tags: number % 5 === 0 ? [] : [WORDS[number % 4], WORDS[number % 7]],
  }));
}

function datasetOf(videos: readonly Video[], tags?: readonly string[]): Promise<Dataset> {
  const frames = new Map(
    videos.map(({ id }, i) => {
      const table = floats([1 + draw('frames', i, 5), WIDTH]);
      table.data.forEach((_, at) => (table.data[at] = uniform(foldIn(foldIn(key, 'frame'), i), at) * 2 - 1));
      return [id, table] as const;
    }),
  );
  return openDataset({
    videos,
    features: {
      width: WIDTH,
      size: videos.length,
      has: (id) => frames.has(id),
      read: async (id) => frames.get(id)!,
      close: async () => undefined,
    },
    tokenizer,
    layout: { fields: ['title', 'asr'], budget: 16, separatorFirst: false },
    maxFrames: 4,
    ...(tags && { tags }),
  });
}

const model = { width: 16, layers: 1, heads: 2, maxPositions: 20 };
const communicator = await connect();
const first = trainings.some(({ otherData }) => otherData === communicator.rank) ? 1 : 0;
const [videos, others] = [videosFrom(first, 64), videosFrom(100, 10)];

registerOrtBackend({ threads: 1 });
await tf.setBackend('ort');
for (const training of trainings) {
  await mkdir(training.folder, { recursive: true });
  const { status } = await train(training);
  process.stdout.write(`rank ${communicator.rank}: ${status}\n`);
}
if (communicator !== single) await communicator.close();

async function train({
  stage,
  settings,
  epochs = 3,
  abortAt,
  otherData: _other,
  reduction = 'sum',
  ...given
}: Training): Promise<{ status: string }> {
  const controller = new AbortController();
  const write = ({ step }: { step: number }): void => {
    if (abortAt?.rank === communicator.rank && step >= abortAt.step) controller.abort();
  };
  const running = { resume: false, ...given, signal: controller.signal, sinks: [{ write }], communicator };
  const loop = { batchSize: 12, epochs, evaluateEvery: 20, checkpointEvery: 1000 };
  const own = { ...loop, learningRate: 1e-3, rules: [] };
  if (stage === 'pretrain') {
    return pretrain({
      ...running,
      settings: {
        model,
        text: { budget: 16 },
        frames: { limit: 4 },
        tasks: { ftm: { pooling: 'product' }, mlm: {}, mfm: { queue: 1 }, mmm: {}, ftc: { queue: 1 }, tag: {} },
        train: { ...own, reduction },
        ...settings,
      },
      tokenizer,
      data: { training: await datasetOf(videos, WORDS), heldOut: await datasetOf(others, WORDS) },
    });
  }
  if (stage === 'category') {
    return finetune(await finetuning(running, { kind: stage, ...own, labelSmoothing: 0.1, rDrop: 0.5, ...settings }));
  }
  if (stage === 'similarity')
    return finetune(await finetuning(running, { kind: stage, ...own, width: 8, ...settings }));
  if (stage === 'tags') {
    return finetune(await finetuning(running, { kind: stage, ...own, tags: { head: 'fresh' }, ...settings }, WORDS));
  }
  return trainClip({
    ...running,
    settings: {
      vision: { imageSize: 8, patchSize: 4, width: 12, layers: 1, heads: 2 },
      text: { width: 12, layers: 1, heads: 2, budget: 8 },
      framesPerVideo: 2,
      queue: 1,
      ...loop,
      ...settings,
    },
    tokenizer,
    data: { training: clipVideos(videos), heldOut: clipVideos(others) },
  });
}

type Running = Pick<
  FinetuneOptions,
  'folder' | 'resume' | 'signal' | 'sinks' | 'communicator' | 'gradientDtype' | 'zero'
>;

async function finetuning(running: Running, own: object, tags?: readonly string[]): Promise<FinetuneOptions> {
  const pairs = videos.slice(0, 60).map(({ id }, i) => {
    const right = videos[(i * 7 + 3) % 64].id;
    if (i % 3 === 2) return { left: videos[i - 1].id, right, score: 0 }; // one of the same video has a score
    return { left: id, right, score: uniform(foldIn(key, 'score'), i) };
  });
  return {
    ...running,
    settings: {
      model: modelSchema.parse(model),
      text: textSchema.parse({ budget: 16 }),
      frames: framesSchema.parse({ limit: 4 }),
      finetune: finetuneSchema.parse({ share: 0, ...own }),
    },
    tokenizer,
    data: {
      training: await datasetOf(videos, tags),
      heldOut: await datasetOf(
        others.map(({ categoryId: _known, ...video }) => video),
        tags,
      ),
      pairs: { train: pairs },
    },
  };
}

/** Titles with pictures of noise; two of them show the same. */
function clipVideos(items: readonly Video[]): ClipVideos {
  const decode: DecodeVideo = async ({ id }, { draw: { take } = {} }) => {
    const number = Number(id.slice(1)) % 30;
    const of = 1 + (number % 3);
    const all = Array.from({ length: of }, (_, i) => i);
    const taken = take === undefined ? all : 'key' in take ? [...randomSubset(take.key, of, take.limit)] : [...take];
    const pixels = taken.flatMap((frame) => {
      return Array.from({ length: 3 * 64 }, (_, i) => randomInt(foldIn(foldIn(key, number), frame), i, 256));
    });
    return { id, count: taken.length, taken, of, pixels: Uint8Array.from(pixels) };
  };
  const result = new ClipVideos(decode, 8, new SkipCounter('videos', 0.5));
  for (const { id, title } of items) {
    result.add({ id, archive: id, tokens: [2, ...tokenizer.encode(title).slice(0, 6), 3] });
  }
  return result;
}
