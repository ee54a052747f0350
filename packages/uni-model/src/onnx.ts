import { bertLayerConfig, type Linear } from '@wbdc/nn';
import {
  OnnxGraph,
  onnxAttentionBias,
  onnxColumns,
  onnxEmbedding,
  onnxLinear,
  onnxTransformer,
  type Value,
} from '@wbdc/nn/onnx';
import type { UniModelConfig } from './config.js';
import type { UniModel } from './uni-model.js';

/** A dense layer on the state of `[CLS]`, as a further output `[B, N]`. */
export interface OnnxHead {
  /** Of the output. */
  readonly name: string;
  readonly linear: Linear;
  /** What is applied to it: `sigmoid` for tags, `softmax` for classes; nothing where absent. */
  readonly activation?: 'sigmoid' | 'softmax';
}

/**
 * The encoder as an ONNX file (opset 17), for onnxruntime in Node and in browsers. Inputs are those of a batch: `tokens`,
 * `segments`, `textMask` int32 `[B, L]`, `frames` float32 `[B, F, Dv]`, `frameMask` int32 `[B, F]`; outputs `text`
 * `[B, L, D]`, `frameStates` `[B, F, D]`, `cls` `[B, D]`, and that of a head. B, L and F are free, F may be 0. Rows of
 * padding hold unspecified values.
 *
 * @throws RangeError above 2 GB of weights, the limit of the format
 */
export function uniModelOnnx(params: UniModel, config: UniModelConfig, head?: OnnxHead): Uint8Array {
  const { bert, frames } = params;
  const graph = new OnnxGraph({ encoder: params, ...(head && { head: head.linear }) });
  const [tokens, segments, textMask] = ['tokens', 'segments', 'textMask'].map((name) => {
    return graph.input(name, 'int32', ['batch', 'tokens']);
  });
  const features = graph.input('frames', 'float32', ['batch', 'frames', config.frameSize]);
  const frameMask = graph.input('frameMask', 'int32', ['batch', 'frames']);

  const words = graph.op('Gather', [graph.weight(bert.embeddings.word), tokens]);
  const textTypes = graph.op('Gather', [graph.weight(bert.embeddings.segment), segments]);
  const text = onnxEmbedding(graph, bert.embeddings, words, textTypes); // [B, L, D]
  const frameType = graph.op('Gather', [graph.weight(frames.embeddings.segment), graph.int(config.frameSegment)]);
  const projected = onnxLinear(graph, features, frames.projection);
  const video = onnxEmbedding(graph, frames.embeddings, projected, frameType); // [B, F, D]
  const bias = onnxAttentionBias(graph, graph.op('Concat', [textMask, frameMask], { axis: 1 }));
  const input = graph.op('Concat', [text, video], { axis: 1 });
  const state = onnxTransformer(graph, bert.layers, input, bias, bertLayerConfig(config)); // [B, L + F, D]
  addOutputs(graph, state, onnxColumns(graph, tokens), config.hiddenSize, head);
  return graph.encode();
}

function addOutputs(graph: OnnxGraph, state: Value, length: Value, width: number, head?: OnnxHead): void {
  const columns = (start: Value, end: Value): Value => graph.op('Slice', [state, start, end, graph.ints([1])]);
  const cls = graph.op('Gather', [state, graph.int(0)], { axis: 1 });
  graph.output('text', columns(graph.ints([0]), length), ['batch', 'tokens', width]);
  graph.output('frameStates', columns(length, onnxColumns(graph, state)), ['batch', 'frames', width]);
  graph.output('cls', cls, ['batch', width]);
  if (!head) return;
  const logits = onnxLinear(graph, cls, head.linear);
  const operation = { sigmoid: 'Sigmoid', softmax: 'Softmax' } as const;
  const value = head.activation ? graph.op(operation[head.activation], [logits]) : logits;
  graph.output(head.name, value, ['batch', head.linear.weight.shape[1]]);
}
