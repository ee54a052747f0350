import { WbdcError } from '@wbdc/io/errors';
import type { Linear, ParamTree } from '@wbdc/nn';
import type { OnnxGraph, Value } from './graph.js';
import { onnxAttentionBias, onnxColumns, onnxLinear } from './transformer.js';

/** A dense layer on the pooled states, as a further output `[B, N]`. */
export interface OnnxHead {
  /** Of the output. */
  readonly name: string;
  readonly linear: Linear;
  /** A dense layer before it. */
  readonly hidden?: Linear;
  /** A relu before it, behind the dense layer where there is one. */
  readonly relu?: boolean;
  /**
   * The state of `[CLS]` (default), the mean over all tokens and frames, or over each kind, side by side; padding left
   * out.
   */
  readonly pooling?: 'cls' | 'mean' | 'both' | 'attention';
  /** Scores positions, for attention pooling. */
  readonly attention?: Linear;
  /** Before it, with a tanh between. */
  readonly attentionHidden?: Linear;
  /** What is applied to it: `sigmoid` for tags, `softmax` for classes, `unit` for embeddings; nothing where absent. */
  readonly activation?: 'sigmoid' | 'softmax' | 'unit';
}

/** The tree of an encoder and the layers of its head: what {@link OnnxGraph} takes. */
export function onnxParams(encoder: ParamTree, head?: OnnxHead): ParamTree {
  if (!head) return { encoder };
  const { linear, hidden, attention, attentionHidden } = head;
  const further = { ...(hidden && { hidden }), ...(attention && { attention }) };
  return { encoder, head: { linear, ...further, ...(attentionHidden && { attentionHidden }) } };
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
  const { name, linear, hidden, relu = false, activation } = head;
  const pooled = pool(graph, states, cls, head);
  const read = hidden ? onnxLinear(graph, pooled, hidden) : pooled;
  const logits = onnxLinear(graph, relu ? graph.op('Relu', [read]) : read, linear);
  graph.output(name, activate(graph, logits, activation), ['batch', linear.weight.shape[1]]);
}

/** `[B, D]`, or `[B, 2 D]` of both kinds */
function pool(graph: OnnxGraph, states: OnnxStates, cls: Value, head: OnnxHead): Value {
  const { pooling, attention } = head;
  const { text, frames, textMask, frameMask } = states;
  const joined = (): [Value, Value] => [
    graph.op('Concat', [text, frames], { axis: 1 }), // [B, L + F, D]
    graph.op('Concat', [textMask, frameMask], { axis: 1 }),
  ];
  switch (pooling) {
    case 'mean':
      return meanState(graph, ...joined());
    case 'both':
      return graph.op('Concat', [meanState(graph, text, textMask), meanState(graph, frames, frameMask)], { axis: 1 });
    case 'attention':
      if (!attention) throw new WbdcError('expected a head that pools by attention to have head.attention, got none');
      return attended(graph, { attention, hidden: head.attentionHidden }, ...joined());
    default:
      return cls;
  }
}

/** `meanPool` `[B, D]`: zeros where all is padding. */
function meanState(graph: OnnxGraph, state: Value, mask: Value): Value {
  const weights = graph.op('Cast', [mask], { to: 1 }); // [B, N]
  const count = graph.op('ReduceSum', [weights, graph.ints([1])], { keepdims: 1 }); // [B, 1]
  return graph.op('Div', [weightedSum(graph, weights, state), graph.op('Max', [count, graph.float(1)])]);
}

/** `sum_i softmax(w x_i)_i x_i` over the positions that the mask keeps, `[B, D]`. */
function attended(
  graph: OnnxGraph,
  { attention, hidden }: { readonly attention: Linear; readonly hidden: Linear | undefined },
  state: Value,
  mask: Value,
): Value {
  const read = hidden ? graph.op('Tanh', [onnxLinear(graph, state, hidden)]) : state; // [B, N, D]
  const scores = graph.op('Squeeze', [onnxLinear(graph, read, attention), graph.ints([2])]); // [B, N]
  const bias = graph.op('Squeeze', [onnxAttentionBias(graph, mask), graph.ints([1, 2])]);
  return weightedSum(graph, graph.op('Softmax', [graph.op('Add', [scores, bias])], { axis: -1 }), state);
}

/** Weights `[B, N]` on states `[B, N, D]`: `[B, D]`. */
function weightedSum(graph: OnnxGraph, weights: Value, state: Value): Value {
  const sum = graph.op('MatMul', [graph.op('Unsqueeze', [weights, graph.ints([1])]), state]); // [B, 1, D]
  return graph.op('Squeeze', [sum, graph.ints([1])]);
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
