import { BERT_EPSILON, type BertEmbedding, type InputEmbedding } from '@wbdc/nn';
import type { GeluForm, Norm, Linear, Attention, Layer, LayerConfig } from '@wbdc/nn';
import type { OnnxGraph, Value } from './graph.js';

/** `linear`: x `[..., in]` to `[..., out]`. */
export function onnxLinear(graph: OnnxGraph, x: Value, { weight, bias }: Linear): Value {
  return graph.op('Add', [graph.op('MatMul', [x, graph.weight(weight)]), graph.weight(bias)]);
}

/** `layerNorm` over the last axis. */
export function onnxLayerNorm(graph: OnnxGraph, x: Value, { gamma, beta }: Norm, epsilon: number): Value {
  return graph.op('LayerNormalization', [x, graph.weight(gamma), graph.weight(beta)], { axis: -1, epsilon });
}

export function onnxGelu(graph: OnnxGraph, x: Value, form: GeluForm): Value {
  if (form === 'quick') return graph.op('Mul', [x, graph.op('Sigmoid', [graph.op('Mul', [x, graph.float(1.702)])])]);
  const erf = graph.op('Erf', [graph.op('Div', [x, graph.float(Math.SQRT2)])]);
  return graph.op('Mul', [graph.op('Mul', [x, graph.op('Add', [erf, graph.float(1)])]), graph.float(0.5)]);
}

/** The number of columns of a value `[B, N, ...]`, as a vector of one. */
export function onnxColumns(graph: OnnxGraph, value: Value): Value {
  return graph.op('Gather', [graph.op('Shape', [value]), graph.ints([1])]);
}

/** `attentionBias` of a mask `[B, K]` of any type: `[B, 1, 1, K]`. */
export function onnxAttentionBias(graph: OnnxGraph, mask: Value): Value {
  const hidden = graph.op('Sub', [graph.op('Cast', [mask], { to: 1 }), graph.float(1)]); // 0 or -1
  return graph.op('Mul', [graph.op('Unsqueeze', [hidden, graph.ints([1, 2])]), graph.float(1e9)]);
}

/** `embedInputs`: x `[B, N, D]` with its positions and the vectors of its token types, `[B, N, D]` or `[D]`. */
export function onnxEmbedding(graph: OnnxGraph, params: InputEmbedding, x: Value, types: Value): Value {
  const limits = [graph.ints([0]), onnxColumns(graph, x), graph.ints([0])];
  const positions = graph.op('Slice', [graph.weight(params.position), ...limits]); // [N, D]
  const sum = graph.op('Add', [graph.op('Add', [x, positions]), types]);
  return onnxLayerNorm(graph, sum, params.norm, BERT_EPSILON);
}

/** `embedWords` and `embedInputs` of token ids and token types `[B, L]`. */
export function onnxWords(graph: OnnxGraph, params: BertEmbedding, tokens: Value, segments: Value): Value {
  const words = graph.op('Gather', [graph.weight(params.word), tokens]);
  return onnxEmbedding(graph, params, words, graph.op('Gather', [graph.weight(params.segment), segments]));
}

/** `attention` of x `[B, Q, D]` to a context `[B, K, D]`. */
export function onnxAttention(
  graph: OnnxGraph,
  params: Attention,
  x: Value,
  context: Value,
  bias: Value,
  { heads }: Pick<LayerConfig, 'heads'>,
): Value {
  const width = params.query.weight.shape[1];
  const size = width / heads;
  const split = (value: Value, perm: readonly number[]): Value =>
    graph.op('Transpose', [graph.op('Reshape', [value, graph.ints([0, 0, heads, size])])], { perm });
  const query = split(onnxLinear(graph, x, params.query), [0, 2, 1, 3]); // [B, H, Q, D/H]
  const key = split(onnxLinear(graph, context, params.key), [0, 2, 3, 1]); // [B, H, D/H, K]
  const value = split(onnxLinear(graph, context, params.value), [0, 2, 1, 3]); // [B, H, K, D/H]
  const scores = graph.op('Mul', [graph.op('MatMul', [query, key]), graph.float(1 / Math.sqrt(size))]);
  const weights = graph.op('Softmax', [graph.op('Add', [scores, bias])], { axis: -1 }); // [B, H, Q, K]
  const mixed = graph.op('Transpose', [graph.op('MatMul', [weights, value])], { perm: [0, 2, 1, 3] });
  return onnxLinear(graph, graph.op('Reshape', [mixed, graph.ints([0, 0, width])]), params.output);
}

/** `transformer`, without dropout. */
export function onnxTransformer(
  graph: OnnxGraph,
  layers: readonly Layer[],
  x: Value,
  bias: Value,
  config: LayerConfig,
): Value {
  return layers.reduce((state, layer) => onnxLayer(graph, layer, state, bias, config), x);
}

function onnxLayer(graph: OnnxGraph, params: Layer, x: Value, bias: Value, config: LayerConfig): Value {
  const { rows } = config;
  const asked = (value: Value): Value =>
    rows ? graph.op('Slice', [value, graph.ints([0]), graph.ints([rows]), graph.ints([1])]) : value;
  const attend = (value: Value): Value => onnxAttention(graph, params.attention, asked(value), value, bias, config);
  const feed = (value: Value): Value =>
    onnxLinear(graph, onnxGelu(graph, onnxLinear(graph, value, params.intermediate), config.activation), params.output);
  const attended = onnxResidual(graph, x, attend, params.attentionNorm, config, asked(x));
  return onnxResidual(graph, attended, feed, params.outputNorm, config);
}

/** `residual`: a block and its shortcut. */
export function onnxResidual(
  graph: OnnxGraph,
  x: Value,
  block: (value: Value) => Value,
  norm: Norm,
  { norm: place, epsilon }: Pick<LayerConfig, 'norm' | 'epsilon'>,
  shortcut = x,
): Value {
  if (place === 'pre') return graph.op('Add', [shortcut, block(onnxLayerNorm(graph, x, norm, epsilon))]);
  return onnxLayerNorm(graph, graph.op('Add', [shortcut, block(x)]), norm, epsilon);
}
