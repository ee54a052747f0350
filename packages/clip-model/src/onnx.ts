import { OnnxGraph, onnxLayerNorm, onnxTransformer, type Value } from '@wbdc/checkpoints/onnx';
import { clipLayerConfig, CLIP_EPSILON, type ClipVisionConfig, type ClipVisionParams } from './clip-vision.js';

/**
 * The tower as an ONNX file (opset 17), for onnxruntime in Node and in browsers: normalised `pixels` float32
 * `[N, 3, S, S]` to `pooled` `[N, D]`, and `projected` `[N, E]` where the tower has a projection. N is free. With
 * `hidden` also `hidden` `[N, P+1, D]`, as `forward` has it; without, the last layer computes the class token alone, as
 * `pool` does.
 */
export function clipVisionOnnx(
  params: ClipVisionParams,
  config: ClipVisionConfig,
  { hidden = false }: { readonly hidden?: boolean } = {},
): Uint8Array {
  const { imageSize, patchSize, width, projection } = config;
  const graph = new OnnxGraph(params);
  const pixels = graph.input('pixels', 'float32', ['pictures', 3, imageSize, imageSize]);
  const embedded = onnxLayerNorm(graph, onnxPatches(graph, params, config, pixels), params.preNorm, CLIP_EPSILON);
  const nothingHidden = graph.float(0);
  const layer = clipLayerConfig(config);
  const state = onnxTransformer(graph, params.layers.slice(0, -1), embedded, nothingHidden, layer); // [N, P+1, D]
  const last = hidden ? layer : { ...layer, rows: 1 };
  // [N, P+1, D] or [N, 1, D]
  const states = onnxTransformer(graph, params.layers.slice(-1), state, nothingHidden, last);
  const first = graph.op('Gather', [states, graph.int(0)], { axis: 1 });
  const pooled = onnxLayerNorm(graph, first, params.postNorm, CLIP_EPSILON);
  if (hidden) graph.output('hidden', states, ['pictures', (imageSize / patchSize) ** 2 + 1, width]);
  graph.output('pooled', pooled, ['pictures', width]);
  if (projection && params.projection) {
    const projected = graph.op('MatMul', [pooled, graph.weight(params.projection)]);
    graph.output('projected', projected, ['pictures', projection]);
  }
  return graph.encode();
}

/** Patches, class token and positions, `[N, P+1, D]`; the patches are a convolution, as runtimes know them. */
function onnxPatches(graph: OnnxGraph, params: ClipVisionParams, config: ClipVisionConfig, pixels: Value): Value {
  const { patchSize, width } = config;
  const rows = graph.op('Transpose', [graph.weight(params.patch)], { perm: [1, 0] });
  const kernel = graph.op('Reshape', [rows, graph.ints([width, 3, patchSize, patchSize])]);
  const grid = graph.op('Conv', [pixels, kernel], { strides: [patchSize, patchSize] }); // [N, D, S/p, S/p]
  const flat = graph.op('Reshape', [grid, graph.ints([0, 0, -1])]);
  const patches = graph.op('Transpose', [flat], { perm: [0, 2, 1] }); // [N, P, D]
  const count = graph.op('Slice', [graph.op('Shape', [pixels]), graph.ints([0]), graph.ints([1])]);
  const shape = graph.op('Concat', [count, graph.ints([1]), graph.ints([width])], { axis: 0 });
  const classes = graph.op('Expand', [graph.weight(params.classToken), shape]); // [N, 1, D]
  return graph.op('Add', [graph.op('Concat', [classes, patches], { axis: 1 }), graph.weight(params.position)]);
}
