import type { Linear } from '../ops/linear.js';
import type { OnnxGraph, Value } from './graph.js';
import { onnxColumns, onnxLinear } from './transformer.js';

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

/** An encoder's states `[B, L, D]` and `[B, F, D]` with their masks. */
export interface OnnxStates {
  readonly text: Value;
  readonly frames: Value;
  readonly textMask: Value;
  readonly frameMask: Value;
}

/** The inputs of every encoder, those of a batch; Dv is the width of a frame feature. */
export function onnxInputs(graph: OnnxGraph, frameSize: number) {
  const ints = (name: string, columns: string): Value => graph.input(name, 'int32', ['batch', columns]);
  return {
    tokens: ints('tokens', 'tokens'),
    segments: ints('segments', 'tokens'),
    textMask: ints('textMask', 'tokens'),
    features: graph.input('frames', 'float32', ['batch', 'frames', frameSize]),
    frameMask: ints('frameMask', 'frames'),
  };
}

/** Columns `[start, end)` of `[B, N, D]`; to the last without an end. */
export function onnxSlice(graph: OnnxGraph, value: Value, start: Value, end: Value = onnxColumns(graph, value)): Value {
  return graph.op('Slice', [value, start, end, graph.ints([1])]);
}

/** The outputs of every encoder: `text`, `frameStates`, `cls`, and that of a head. */
export function onnxOutputs(graph: OnnxGraph, states: OnnxStates, width: number, head?: OnnxHead): void {
  const cls = graph.op('Gather', [states.text, graph.int(0)], { axis: 1 });
  graph.output('text', states.text, ['batch', 'tokens', width]);
  graph.output('frameStates', states.frames, ['batch', 'frames', width]);
  graph.output('cls', cls, ['batch', width]);
  if (!head) return;
  const { name, linear, pooling, activation } = head;
  const logits = onnxLinear(graph, pooling === 'mean' ? meanState(graph, states) : cls, linear);
  graph.output(name, activate(graph, logits, activation), ['batch', linear.weight.shape[1]]);
}

/** `meanPool` `[B, D]`; the first token is never padding, so there is always something to average. */
function meanState(graph: OnnxGraph, { text, frames, textMask, frameMask }: OnnxStates): Value {
  const state = graph.op('Concat', [text, frames], { axis: 1 });
  const weights = graph.op('Cast', [graph.op('Concat', [textMask, frameMask], { axis: 1 })], { to: 1 }); // [B, N]
  const sum = graph.op('MatMul', [graph.op('Unsqueeze', [weights, graph.ints([1])]), state]); // [B, 1, D]
  const count = graph.op('ReduceSum', [weights, graph.ints([1])], { keepdims: 1 }); // [B, 1]
  return graph.op('Div', [graph.op('Squeeze', [sum, graph.ints([1])]), count]);
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
