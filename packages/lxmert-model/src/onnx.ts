import { bertLayerConfig, type LayerConfig } from '@wbdc/nn';
import {
  OnnxGraph,
  onnxAttention,
  onnxAttentionBias,
  onnxColumns,
  onnxInputs,
  onnxLayerNorm,
  onnxLinear,
  onnxOutputs,
  onnxParams,
  onnxResidual,
  onnxSlice,
  onnxTransformer,
  onnxWords,
  type OnnxHead,
  type Value,
} from '@wbdc/checkpoints/onnx';
import type { LxmertModelConfig } from './config.js';
import type { CrossLayer } from './cross-layer.js';
import { videoLayerConfig, type LxmertModel, type VideoStream } from './lxmert-model.js';

export type { OnnxHead } from '@wbdc/checkpoints/onnx';

/** A stream's states `[B, N, D]` and the bias that hides its padding. */
interface Stream {
  readonly state: Value;
  readonly bias: Value;
}

/**
 * The encoder as an ONNX file (opset 17), for onnxruntime in Node and in browsers. Inputs are those of a batch:
 * `tokens`, `segments`, `textMask` int32 `[B, L]`, `frames` float32 `[B, F, Dv]`, `frameMask` int32 `[B, F]`; outputs
 * `text` `[B, L, D]`, `frameStates` `[B, F, D]`, `cls` `[B, D]`, and that of a head. B, L and F are free, F may be 0.
 * Rows of padding hold unspecified values.
 *
 * @throws RangeError above 2 GB of weights, the limit of the format
 */
export function lxmertModelOnnx(params: LxmertModel, config: LxmertModelConfig, head?: OnnxHead): Uint8Array {
  const graph = new OnnxGraph(onnxParams(params, head));
  const { tokens, segments, textMask, features, frameMask } = onnxInputs(graph, config.frameSize);
  const layer = bertLayerConfig(config);
  const textBias = onnxAttentionBias(graph, textMask);
  const words = onnxWords(graph, params.bert.embeddings, tokens, segments);
  let text: Stream = { state: onnxTransformer(graph, params.bert.layers, words, textBias, layer), bias: textBias };
  let video = videoStream(graph, params.video, features, frameMask, config);
  for (const cross of params.cross) {
    const [before, seen] = [text, video];
    text = crossed(graph, cross, cross.text, before, seen, layer);
    video = crossed(graph, cross, cross.video, seen, before, layer);
  }
  const frames = onnxSlice(graph, video.state, graph.ints([1])); // behind the class token
  onnxOutputs(graph, { text: text.state, frames, textMask, frameMask }, config.hiddenSize, head);
  return graph.encode();
}

/** States of class token and frames `[B, 1 + F, D]`. */
function videoStream(
  graph: OnnxGraph,
  params: VideoStream,
  features: Value,
  frameMask: Value,
  config: LxmertModelConfig,
): Stream {
  const rows = graph.op('Gather', [graph.op('Shape', [frameMask]), graph.ints([0])]);
  const shape = graph.op('Concat', [rows, graph.ints([1]), graph.ints([config.hiddenSize])], { axis: 0 });
  const classTokens = graph.op('Expand', [graph.weight(params.classToken), shape]); // [B, 1, D]
  const tokens = graph.op('Concat', [classTokens, onnxLinear(graph, features, params.projection)], { axis: 1 });
  const limits = [graph.ints([0]), onnxColumns(graph, tokens), graph.ints([0])];
  const input = graph.op('Add', [tokens, graph.op('Slice', [graph.weight(params.position), ...limits])]);
  const seen = graph.op('Expand', [graph.float(1), graph.op('Concat', [rows, graph.ints([1])], { axis: 0 })]); // [B, 1]
  const mask = graph.op('Concat', [seen, graph.op('Cast', [frameMask], { to: 1 })], { axis: 1 });
  const bias = onnxAttentionBias(graph, mask);
  const layer = videoLayerConfig(config);
  const normalize = (x: Value, at: LayerConfig['norm']): Value =>
    layer.norm === at ? onnxLayerNorm(graph, x, params.norm, layer.epsilon) : x;
  const state = onnxTransformer(graph, params.layers, normalize(input, 'post'), bias, layer);
  return { state: normalize(state, 'pre'), bias };
}

/** One direction of `crossLayer`: a stream attends to the other, then to itself. */
function crossed(
  graph: OnnxGraph,
  params: CrossLayer,
  own: CrossLayer['text'],
  to: Stream,
  from: Stream,
  config: LayerConfig,
): Stream {
  const attend = (x: Value): Value => onnxAttention(graph, params.cross, x, from.state, from.bias, config);
  const state = onnxResidual(graph, to.state, attend, params.crossNorm, config);
  return { state: onnxTransformer(graph, [own], state, to.bias, config), bias: to.bias };
}
