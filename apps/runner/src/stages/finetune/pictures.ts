import { DataError, frameZipPath, type FeatureSource } from '@wbdc/data';
import { floats, type Floats } from '@wbdc/nn';
import { normalize, SourceError, STATISTICS } from '@wbdc/video-features';
import type { StageContext } from '../../stage.js';
import { dataRoot } from '../data-root.js';
import { listIds } from '../feature-files.js';
import { PictureCache, pictureOf } from '../picture-cache.js';
import type { Extractor } from '../tower.js';
import type { FrameInput } from '../video-set.js';

/** Frames as the vision tower reads them: flat, normalised pixels in place of stored features. */
export function pictureInput(context: StageContext, extractor: Extractor, pictures: PictureCache): FrameInput {
  const { finetune, frames } = context.config;
  return {
    recipe: extractor.recipe,
    maxFrames: finetune.vision?.frames ?? frames.limit,
    open: async (split) => {
      const ids = new Set(await listIds(context, split));
      const pathOf = (id: string): string => frameZipPath(dataRoot(context), split, id);
      return pictureSource(ids, pathOf, extractor, pictures);
    },
  };
}

function pictureSource(
  ids: ReadonlySet<string>,
  pathOf: (id: string) => string,
  { preprocessing }: Extractor,
  pictures: PictureCache,
): FeatureSource {
  const { imageSize, statistics } = preprocessing;
  const width = 3 * imageSize ** 2;
  const read = async (id: string): Promise<Floats> => {
    const decoded = await pictures.read({ id, path: pathOf(id) });
    const pixels = floats([decoded.count, width]);
    for (let i = 0; i < decoded.count; i++) {
      normalize(pictureOf(decoded, i, imageSize), STATISTICS[statistics], pixels.data, i * width);
    }
    return pixels;
  };
  return {
    width,
    size: ids.size,
    has: (id) => ids.has(id),
    read: (id) =>
      read(id).catch((error: unknown) => {
        throw error instanceof SourceError ? new DataError(error.message) : error;
      }),
    close: async () => undefined,
  };
}
