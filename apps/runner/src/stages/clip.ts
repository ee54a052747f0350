import { zipDecoders } from '@wbdc/pipeline/features';
import { openClipVideos, trainClip, type ClipVideos, type TrainClipOptions } from '@wbdc/pipeline/node';
import type { Tokenizer } from '@wbdc/tokenizer';
import { loadTokenizer } from '@wbdc/tokenizer/node';
import type { DecodeVideo } from '@wbdc/video-features';
import type { StageContext, StageResult } from '../run/stage.js';
import { layoutOf, placesOf } from './data-root.js';
import { startFromBert, startFromClipVision } from './published.js';
import { runInStage, trainedOf } from './training.js';
import { artifactsOf, splitTexts } from './video-set.js';

/** The CLIP stage: a vision tower and a text BERT learn to match frames with titles. */
export async function runClipStage(context: StageContext): Promise<StageResult> {
  const { config } = context;
  const tokenizer = await loadTokenizer(context.upstream('vocab'), context.output);
  const decoders = zipDecoders(config.features.decodeThreads, placesOf(context).remote);
  try {
    const training = await openVideos(context, config.data.trainSplits, tokenizer, decoders.decode);
    const heldOut = await openVideos(context, config.data.heldOutSplits, tokenizer, decoders.decode);
    const data = { training, heldOut };
    const initialize = initializer(context);
    const result = await runInStage(context, (run) =>
      trainClip({ ...run, settings: config.clip, data, tokenizer, initialize }),
    );
    return { ...trainedOf(result), read: artifactsOf([...training.splits, ...heldOut.splits]) };
  } finally {
    await decoders.close();
  }
}

/** The weights of the published towers that the settings name. */
function initializer(context: StageContext): TrainClipOptions['initialize'] {
  const { vision, text } = context.config.clip;
  return {
    paths: [vision.init === undefined ? [] : 'vision', text.init === undefined ? [] : 'text'].flat(),
    run: async (params, sizes) => {
      if (vision.init !== undefined) {
        const start = { setting: 'clip.vision.init', folder: vision.init, path: 'vision.' };
        await startFromClipVision({ ...params }, sizes.vision, start, context);
      }
      if (text.init !== undefined) {
        const start = { setting: 'clip.text.init', folder: text.init, path: 'text.' };
        await startFromBert({ ...params }, sizes.text, start, context);
      }
    },
  };
}

function openVideos(
  context: StageContext,
  splits: readonly string[],
  tokenizer: Tokenizer,
  decode: DecodeVideo,
): Promise<ClipVideos> {
  const { clip, text, data } = context.config;
  const layout = layoutOf(context);
  return openClipVideos({
    splits: splitTexts(context, splits).map((split) => ({
      ...split,
      pathOf: (id: string) => layout.frameZip(split.name, id),
    })),
    tokenizer,
    text,
    settings: clip,
    decode,
    maxBadShare: data.maxBadShare,
    signal: context.signal,
  });
}
