import type { ChooseTags } from '@wbdc/data';
import { disposeTree } from '@wbdc/nn';
import { readSplitIds, zipDecoders } from '@wbdc/pipeline/features';
import { PictureCache, pictureSource } from '@wbdc/pipeline/node';
import type { Tokenizer } from '@wbdc/tokenizer';
import type { FrameDraw } from '@wbdc/video-features';
import type { StageContext } from '../../run/stage.js';
import { layoutOf, placesOf } from '../data-root.js';
import { loadExtractor, type Extractor } from '../tower.js';
import { openVideoSet, type FrameInput, type VideoSet } from '../video-set.js';

/** Where videos come from: stored features, or pictures for a tower that is trained. */
export interface Inputs {
  /** The tower, where it is trained. */
  readonly extractor: Extractor | undefined;
  /** Opens splits as one set, each list once; with the tags that count, or what chooses them. */
  readonly open: (splits: readonly string[], tags?: readonly string[] | ChooseTags) => Promise<VideoSet>;
  /** Closes what was opened. */
  close(): Promise<void>;
}

export async function openInputs(context: StageContext, tokenizer: Tokenizer): Promise<Inputs> {
  const sets = new Map<string, Promise<VideoSet>>();
  const opener =
    (input?: FrameInput): Inputs['open'] =>
    (splits, tags = []) => {
      const key = splits.join();
      const set = sets.get(key) ?? openVideoSet(context, splits, tokenizer, tags, input ? { input } : {});
      sets.set(key, set);
      return set;
    };
  const closeSets = async (): Promise<void> => {
    const opened = await Promise.allSettled(sets.values());
    await Promise.all(opened.map(async (set) => set.status === 'fulfilled' && set.value.close()));
  };
  if (context.config.finetune.vision === null) return { extractor: undefined, open: opener(), close: closeSets };
  const extractor = await loadExtractor(context);
  const decoders = zipDecoders(context.config.features.decodeThreads, placesOf(context).remote);
  const { preprocessing, sampling } = extractor;
  const pictures = new PictureCache(decoders.decode, { preprocessing, sampling });
  context.output.say(`the vision tower of ${extractor.read.path} learns too`);
  return {
    extractor,
    open: opener(pictureInput(context, extractor, pictures)),
    close: async () => {
      disposeTree(extractor.params);
      await Promise.all([closeSets(), decoders.close()]);
    },
  };
}

/** Frames as the vision tower reads them, in place of stored features. */
function pictureInput(context: StageContext, extractor: Extractor, pictures: PictureCache): FrameInput {
  const { data, finetune, frames } = context.config;
  return {
    recipe: extractor.recipe,
    maxFrames: finetune.vision?.frames ?? frames.limit,
    open: async (split) => {
      const layout = layoutOf(context);
      const ids = new Set(await readSplitIds(layout.root, split, data.maxBadShare));
      const decode = (id: string, draw?: FrameDraw) => pictures.read({ id, path: layout.frameZip(split, id) }, draw);
      return pictureSource({ ids, decode, extractor, augment: finetune.vision?.augment ?? false });
    },
  };
}
