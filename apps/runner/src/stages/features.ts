import * as tf from '@tensorflow/tfjs';
import { wbdcLayout } from '@wbdc/data';
import { disposeTree } from '@wbdc/nn';
import { computeFeatures } from '@wbdc/pipeline/features';
import { counted } from '@wbdc/report/format';
import { onnxOf } from '../config/onnx.js';
import { observed } from '../core/observer.js';
import type { Artifact, JsonObject, StageContext, StageResult } from '../run/stage.js';
import { placesOf } from './data-root.js';
import { artifactOf, countsOf, featureFolders } from './feature-files.js';
import { loadExtractor } from './tower.js';

/** Runs the vision tower over every split's frames, or over a shard of each. */
export async function runFeaturesStage(context: StageContext): Promise<StageResult> {
  const { config, resume, signal, shard } = context;
  const { read: tower, ...extractor } = await loadExtractor(context);
  const read: Artifact[] = [tower];
  const made: Artifact[] = [];
  const splits: Record<string, JsonObject> = {};
  const compute = {
    ...featureFolders(context, context.folder),
    ...placesOf(context),
    extractor,
    batchSize: config.features.batchSize,
    decodeThreads: config.features.decodeThreads,
    onnx: await onnxOf(config, tf.getBackend() === 'ort'),
    shard,
    resume,
    signal,
  };
  return observed(context.output, async (observer) => {
    try {
      for await (const { listed, ...features } of computeFeatures({ ...compute, observer })) {
        splits[features.split] = countsOf(features);
        read.push({ path: wbdcLayout(compute.root).annotations(features.split), about: counted(listed, 'video') });
        made.push(artifactOf(features));
      }
    } catch (error) {
      if (!signal.aborted || error !== signal.reason) throw error;
      return { status: 'interrupted', read, made, summary: { splits } };
    } finally {
      disposeTree(extractor.params);
    }
    return { status: 'complete', read, made, summary: { width: extractor.width, splits } };
  });
}
