import { join } from 'node:path';
import { assertSameSizes, loadWeights, type WeightReport } from '@wbdc/checkpoints';
import { usingWeights } from '@wbdc/checkpoints/node';
import { readJson } from '@wbdc/io';
import type { ParamTree } from '@wbdc/nn';
import { clipVisionKeyMap, parseClipVisionConfig } from './clip-checkpoint.js';
import type { ClipVisionConfig } from './clip-vision.js';

const SIZES = ['imageSize', 'patchSize', 'width', 'layers', 'heads', 'intermediateSize', 'activation'] as const;

/**
 * Gives a vision tower in a tree of variables the values of a published CLIP: a folder with `config.json` and weights.
 *
 * @param sizes those of the tower in the tree
 * @param path of the tower in the tree with a dot behind it, such as `vision.`; empty where it is the tree
 * @throws SizesError where the checkpoint's are others; Error where a tensor is missing or unknown
 */
export async function startFromClipVision(
  params: ParamTree,
  sizes: ClipVisionConfig,
  folder: string,
  path = '',
): Promise<WeightReport> {
  const where = join(folder, 'config.json');
  const published = parseClipVisionConfig(await readJson(where), false, where);
  assertSameSizes(folder, SIZES, { activation: 'quick', ...sizes }, published);
  return usingWeights(folder, (file) => loadWeights(params, clipVisionKeyMap(sizes, { path }), file));
}
