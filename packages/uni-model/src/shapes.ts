import { bertShapeEntries, inputEmbeddingShapes, linearShapes, type ParamShapes } from '@wbdc/checkpoints';
import type { UniModelConfig } from './config.js';

/** Paths and shapes of the parameters, those of `uniModel(config).init` and in its order: to read them from a file. */
export function uniModelShapes(config: UniModelConfig): ParamShapes {
  const { frameSize, hiddenSize, maxFrames, segments } = config;
  return new Map([
    ...bertShapeEntries(config, 'bert.'),
    ...linearShapes('frames.projection', frameSize, hiddenSize),
    ...inputEmbeddingShapes('frames.embeddings', maxFrames, segments, hiddenSize),
  ]);
}
