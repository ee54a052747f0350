import {
  attentionShapes,
  bertShapeEntries,
  layerShapes,
  layersShapes,
  linearShapes,
  normShapes,
  type ParamShapes,
  type ShapeEntry,
} from '@wbdc/checkpoints';
import type { LxmertModelConfig } from './config.js';

/**
 * Paths and shapes of the parameters, those of `lxmertModel(config).init` and in its order: to read them from a file.
 */
export function lxmertModelShapes(config: LxmertModelConfig): ParamShapes {
  const { frameSize, hiddenSize, maxFrames, videoLayers, crossLayers, intermediateSize } = config;
  return new Map<string, readonly number[]>([
    ...bertShapeEntries(config, 'bert.'),
    ...linearShapes('video.projection', frameSize, hiddenSize),
    ['video.classToken', [1, hiddenSize]],
    ['video.position', [1 + maxFrames, hiddenSize]],
    ...layersShapes('video.layers', videoLayers, hiddenSize, intermediateSize),
    ...normShapes('video.norm', hiddenSize),
    ...Array.from({ length: crossLayers }, (_, i) => crossLayerShapes(`cross.${i}`, config)).flat(),
  ]);
}

function crossLayerShapes(path: string, { hiddenSize, intermediateSize }: LxmertModelConfig): ShapeEntry[] {
  return [
    ...attentionShapes(`${path}.cross`, hiddenSize),
    ...normShapes(`${path}.crossNorm`, hiddenSize),
    ...layerShapes(`${path}.text`, hiddenSize, intermediateSize),
    ...layerShapes(`${path}.video`, hiddenSize, intermediateSize),
  ];
}
