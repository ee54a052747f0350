import { bertLayerConfig } from '@wbdc/nn';
import {
  OnnxGraph,
  onnxAttentionBias,
  onnxColumns,
  onnxEmbedding,
  onnxInputs,
  onnxLinear,
  onnxOutputs,
  onnxParams,
  onnxSlice,
  onnxTransformer,
  onnxWords,
  type OnnxHead,
} from '@wbdc/checkpoints/onnx';
import type { UniModelConfig } from './config.js';
import type { UniModel } from './uni-model.js';

export type { OnnxHead } from '@wbdc/checkpoints/onnx';

/**
 * The encoder as an ONNX file (opset 17), for onnxruntime in Node and in browsers. Inputs are those of a batch:
 * `tokens`, `segments`, `textMask` int32 `[B, L]`, `frames` float32 `[B, F, Dv]`, `frameMask` int32 `[B, F]`; outputs
 * `text` `[B, L, D]`, `frameStates` `[B, F, D]`, `cls` `[B, D]`, and that of a head. B, L and F are free, F may be 0.
 * Rows of padding hold unspecified values.
 *
 * @throws RangeError above 2 GB of weights, the limit of the format
 */
export function uniModelOnnx(params: UniModel, config: UniModelConfig, head?: OnnxHead): Uint8Array {
  const { bert, frames } = params;
  const graph = new OnnxGraph(onnxParams(params, head));
  const { tokens, segments, textMask, features, frameMask } = onnxInputs(graph, config.frameSize);
  const text = onnxWords(graph, bert.embeddings, tokens, segments); // [B, L, D]
  const frameType = graph.op('Gather', [graph.weight(frames.embeddings.segment), graph.int(config.frameSegment)]);
  const projected = onnxLinear(graph, features, frames.projection);
  const video = onnxEmbedding(graph, frames.embeddings, projected, frameType); // [B, F, D]
  const bias = onnxAttentionBias(graph, graph.op('Concat', [textMask, frameMask], { axis: 1 }));
  const input = graph.op('Concat', [text, video], { axis: 1 });
  const state = onnxTransformer(graph, bert.layers, input, bias, bertLayerConfig(config)); // [B, L + F, D]
  const length = onnxColumns(graph, tokens);
  const states = {
    text: onnxSlice(graph, state, graph.ints([0]), length),
    frames: onnxSlice(graph, state, length),
    textMask,
    frameMask,
  };
  onnxOutputs(graph, states, config.hiddenSize, head);
  return graph.encode();
}
