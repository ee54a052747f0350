import { join } from 'node:path';
import { SkipCounter } from '@wbdc/data';
import * as tf from '@tensorflow/tfjs';
import { foldIn, l2Normalize, randomKey } from '@wbdc/nn';
import { recallAt, type Measured } from '@wbdc/metrics';
import { describeModel } from '@wbdc/pipeline';
import { clip, type ClipBatch, type ClipConfig, type ClipParams } from '@wbdc/pretrain-tasks/clip';
import { Tokenizer, TOKENIZER_FILES } from '@wbdc/tokenizer';
import { loadTokenizer } from '@wbdc/tokenizer/node';
import type { Rule } from '@wbdc/train';
import type { DecodeVideo } from '@wbdc/video-features';
import type { Config } from '../config/schema.js';
import { counted } from '../format.js';
import type { Artifact, StageContext, StageResult } from '../stage.js';
import { ClipVideos } from './clip-videos.js';
import { annotationsPath, dataRoot } from './data-root.js';
import { frameDecoders } from './frame-decoding.js';
import { startFromBert, startFromClipVision } from './published.js';
import { train, type Place } from './training.js';
import { readSplits, textReader } from './video-set.js';

type ClipModel = ReturnType<typeof clip>;

/** The CLIP stage: a vision tower and a text BERT learn to match frames with titles. */
export async function runClipStage(context: StageContext): Promise<StageResult> {
  const decoders = frameDecoders(context.config);
  try {
    return await trainClip(context, decoders.decode);
  } finally {
    await decoders.close();
  }
}

async function trainClip(context: StageContext, decode: DecodeVideo): Promise<StageResult> {
  const { config, upstream } = context;
  const settings = config.clip;
  const tokenizer = await loadTokenizer(upstream('vocab'));
  const training = await openVideos(context, config.data.trainSplits, tokenizer, decode);
  const heldOut = await openVideos(context, config.data.heldOutSplits, tokenizer, decode);
  const sizes = clipConfigOf(settings, tokenizer.vocabSize);
  const model = clip(sizes);
  const params = model.init(foldIn(randomKey(config.seed), 'init'));
  await startFromPublished(context, params, sizes);
  const { status, made, summary } = await train<ClipBatch>(context, {
    params,
    settings,
    rules: { learningRate: settings.learningRates.new, weightDecay: settings.weightDecay, rules: rulesOf(settings) },
    lengths: training.videos.lengths,
    read: (indices, key, place) =>
      training.videos.batch(indices, settings.framesPerVideo, key, indicesBefore(place, settings.queue)),
    loss: (batch, key) => model.loss(params, batch, key),
    ids: ({ ids }) => ids,
    evaluate: () => measureRecall(model, params, heldOut.videos, settings.batchSize),
    config: describeModel('clip', sizes),
    files: TOKENIZER_FILES.map((name) => join(upstream('vocab'), name)),
  });
  return { status, read: [...training.read, ...heldOut.read], made, summary };
}

/** The examples of so many batches before one. */
function indicesBefore(place: Place, batches: number): number[] {
  return Array.from({ length: batches }, (_, i) => place.earlier(i + 1)?.indices ?? []).flat();
}

async function startFromPublished(context: StageContext, params: ClipParams, sizes: ClipConfig) {
  const { vision, text } = context.config.clip;
  if (vision.init !== undefined) {
    const start = { setting: 'clip.vision.init', folder: vision.init, path: 'vision.' };
    await startFromClipVision(params, sizes.vision, start, context);
  }
  if (text.init !== undefined) {
    const start = { setting: 'clip.text.init', folder: text.init, path: 'text.' };
    await startFromBert(params, sizes.text, start, context);
  }
}

/** The sizes of the vision tower; the features stage builds the same one. */
export function visionConfigOf({ vision }: Config['clip']): ClipConfig['vision'] {
  const { imageSize, patchSize, width, layers, heads, intermediate } = vision;
  return { imageSize, patchSize, width, layers, heads, intermediateSize: intermediate ?? 4 * width };
}

/** The sizes of both towers. */
export function clipConfigOf(settings: Config['clip'], vocabSize: number): Required<ClipConfig> {
  const { text } = settings;
  return {
    temperature: settings.temperature ?? 'learned',
    normalize: settings.normalize,
    vision: visionConfigOf(settings),
    text: {
      vocabSize,
      hiddenSize: text.width,
      layers: text.layers,
      heads: text.heads,
      intermediateSize: text.intermediate ?? 4 * text.width,
      maxPositions: text.budget,
      segments: 1,
      dropout: text.dropout,
      ...(text.init !== undefined && { maxPositions: 512, segments: 2 }), // as every published BERT
    },
  };
}

/** The learning rates of both towers and of the temperature. */
export function rulesOf({ learningRates, temperature }: Config['clip']): Rule[] {
  const { text, vision } = learningRates;
  return [
    { pattern: 'vision.**', learningRate: vision },
    { pattern: 'text.**', learningRate: text },
    ...(temperature === null ? [{ pattern: 'logScale', learningRate: learningRates.temperature, weightDecay: 0 }] : []),
  ];
}

async function openVideos(context: StageContext, splits: readonly string[], tokenizer: Tokenizer, decode: DecodeVideo) {
  const { clip: settings, data } = context.config;
  const skipped = new SkipCounter('videos', data.maxBadShare, 'data.maxBadShare');
  const root = dataRoot(context);
  const { text, vision } = settings;
  const { imageSize } = vision;
  const videos = new ClipVideos({
    texts: textReader(context.config.text),
    root,
    tokenizer,
    budget: text.budget,
    imageSize,
    skipped,
    decode,
  });
  const read: Artifact[] = [];
  for (const split of splits) {
    const before = videos.size;
    for await (const video of readSplits(context, [split], skipped)) videos.add(split, video);
    read.push({ path: annotationsPath(root, split), about: counted(videos.size - before, 'video') });
  }
  return { videos, read };
}

/** Share of videos whose own title is among the k most similar to their frames, beside chance. */
async function measureRecall(
  model: ClipModel,
  params: ClipParams,
  videos: ClipVideos,
  batchSize: number,
): Promise<Record<string, Measured>> {
  const [frames, titles]: [Float32Array[], Float32Array[]] = [[], []];
  let count = 0;
  for (let start = 0; start < videos.size; start += batchSize) {
    const indices = Array.from({ length: Math.min(batchSize, videos.size - start) }, (_, i) => start + i);
    const batch = await videos.batch(indices, Infinity);
    count += batch.ids.length;
    tf.tidy(() => {
      frames.push(l2Normalize(model.embedFrames(params, batch)).dataSync<'float32'>());
      titles.push(l2Normalize(model.embedText(params, batch)).dataSync<'float32'>());
    });
  }
  const joined = (parts: readonly Float32Array[]): Float32Array =>
    Float32Array.from(parts.flatMap((part) => [...part]));
  const [at1, at10] = recallAt(joined(frames), joined(titles), count, [1, 10]);
  return {
    'recall@1': { value: at1, baseline: 1 / count },
    'recall@10': { value: at10, baseline: Math.min(1, 10 / count) },
  };
}
