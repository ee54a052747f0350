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

/** A dense layer on the pooled states, as a further output `[B, N]`. */
export interface OnnxHead {
  /** Of the output. */
  readonly name: string;
  readonly linear: Linear;
  /** The state of `[CLS]` (default), or the mean over all tokens and frames that are not padding. */
  readonly pooling?: 'cls' | 'mean';
  /** What is applied to it: `sigmoid` for tags, `softmax` for classes, `unit` for embeddings; nothing where absent. */
  readonly activation?: 'sigmoid' | 'softmax' | 'unit';
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
  const mask = graph.op('Concat', [textMask, frameMask], { axis: 1 }); // [B, L + F]
  const input = graph.op('Concat', [text, video], { axis: 1 });
  const bias = onnxAttentionBias(graph, mask);
  const state = onnxTransformer(graph, bert.layers, input, bias, bertLayerConfig(config)); // [B, L + F, D]
  const cls = addStates(graph, state, onnxColumns(graph, tokens), config.hiddenSize);
  if (head) addHead(graph, head.pooling === 'mean' ? meanState(graph, state, mask) : cls, head);
  return graph.encode();
}

/** The encoder's outputs; gives the state of `[CLS]`. */
function addStates(graph: OnnxGraph, state: Value, length: Value, width: number): Value {
  const columns = (start: Value, end: Value): Value => graph.op('Slice', [state, start, end, graph.ints([1])]);
  const cls = graph.op('Gather', [state, graph.int(0)], { axis: 1 });
  graph.output('text', columns(graph.ints([0]), length), ['batch', 'tokens', width]);
  graph.output('frameStates', columns(length, onnxColumns(graph, state)), ['batch', 'frames', width]);
  graph.output('cls', cls, ['batch', width]);
  return cls;
}

/** `meanPool` `[B, D]`; the first token is never padding, so there is always something to average. */
function meanState(graph: OnnxGraph, state: Value, mask: Value): Value {
  const weights = graph.op('Cast', [mask], { to: 1 }); // [B, N]
  const sum = graph.op('MatMul', [graph.op('Unsqueeze', [weights, graph.ints([1])]), state]); // [B, 1, D]
  const count = graph.op('ReduceSum', [weights, graph.ints([1])], { keepdims: 1 }); // [B, 1]
  return graph.op('Div', [graph.op('Squeeze', [sum, graph.ints([1])]), count]);
}

function addHead(graph: OnnxGraph, pooled: Value, { name, linear, activation }: OnnxHead): void {
  graph.output(name, activate(graph, onnxLinear(graph, pooled, linear), activation), ['batch', linear.weight.shape[1]]);
}

function activate(graph: OnnxGraph, logits: Value, activation: OnnxHead['activation']): Value {
  switch (activation) {
    case undefined:
      return logits;
    case 'sigmoid':
      return graph.op('Sigmoid', [logits]);
    case 'softmax':
      return graph.op('Softmax', [logits], { axis: -1 });
    case 'unit':
      return graph.op('LpNormalization', [logits], { axis: -1, p: 2 });
  }
}
