import { join } from 'node:path';
import { SkipCounter } from '@wbdc/data';
import { foldIn, randomKey } from '@wbdc/nn';
import { clipRecipe, describeModel, textReader } from '@wbdc/pipeline';
import type { ClipConfig, ClipParams } from '@wbdc/pretrain-tasks/clip';
import { Tokenizer, TOKENIZER_FILES } from '@wbdc/tokenizer';
import { loadTokenizer } from '@wbdc/tokenizer/node';
import type { DecodeVideo } from '@wbdc/video-features';
import { counted } from '../format.js';
import type { Artifact, StageContext, StageResult } from '../stage.js';
import { ClipVideos } from './clip-videos.js';
import { annotationsPath, dataRoot } from './data-root.js';
import { frameDecoders } from './frame-decoding.js';
import { startFromBert, startFromClipVision } from './published.js';
import { train } from './training.js';
import { readSplits } from './video-set.js';

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
  const recipe = clipRecipe(settings, tokenizer.vocabSize, foldIn(randomKey(config.seed), 'init'));
  const { params } = recipe;
  await startFromPublished(context, params, recipe.config);
  const read = recipe.reader((...batch) => training.videos.batch(...batch));
  const { status, made, summary } = await train(context, {
    recipe,
    data: { lengths: training.videos.lengths, read },
    evaluate: async () => ({ measured: await recipe.evaluate(heldOut.videos.inOrder(settings.batchSize)) }),
    model: describeModel('clip', recipe.config),
    files: TOKENIZER_FILES.map((name) => join(upstream('vocab'), name)),
  });
  return { status, read: [...training.read, ...heldOut.read], made, summary };
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
