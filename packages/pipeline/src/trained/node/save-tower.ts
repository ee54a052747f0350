import { saveClipVision } from '@wbdc/clip-model/node';
import { clipVisionOnnx } from '@wbdc/clip-model/onnx';
import { writeFileAtomic } from '@wbdc/io';
import { disposeTree } from '@wbdc/nn';
import { featureRecipeOf } from '../predict.js';
import type { ReadModel } from '../read-model.js';
import { featureRule, type Tower } from '../tower.js';
import { sha256 } from './open.js';

/**
 * Writes the vision tower of a model to a folder, for transformers and for wbdc, and where `onnx` names a file, for
 * onnxruntime, with whatever is done to that file. The tower's parameters are disposed.
 *
 * @throws TrainedError where the model's features came from another tower
 */
export async function saveTower(
  opened: Tower,
  { saved, sizes, where }: ReadModel,
  path: string,
  onnx?: { readonly path: string; readonly finish: (model: Uint8Array) => Uint8Array },
): Promise<void> {
  try {
    await featureRule(opened, { where, frameSize: sizes.frameSize, recipe: featureRecipeOf({ saved }) }, sha256);
    await saveClipVision(path, opened.params, opened.tower.config);
    if (onnx !== undefined) {
      await writeFileAtomic(onnx.path, [onnx.finish(clipVisionOnnx(opened.params, opened.tower.config))]);
    }
  } finally {
    disposeTree(opened.params);
  }
}
