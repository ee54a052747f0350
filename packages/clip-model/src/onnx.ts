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

/**
 * Patches, class token and positions, `[N, P+1, D]`; the patches are a product, as fast as a convolution, and whole
 * numbers multiply it too.
 */
function onnxPatches(graph: OnnxGraph, params: ClipVisionParams, config: ClipVisionConfig, pixels: Value): Value {
  const { imageSize, patchSize: size, width } = config;
  const side = imageSize / size;
  const grid = graph.op('Reshape', [pixels, graph.ints([0, 3, side, size, side, size])]); // [N, 3, S/p, p, S/p, p]
  const cut = graph.op('Transpose', [grid], { perm: [0, 2, 4, 1, 3, 5] }); // [N, S/p, S/p, 3, p, p]
  const flat = graph.op('Reshape', [cut, graph.ints([0, side * side, 3 * size * size])]); // [N, P, 3 * p * p]
  const patches = graph.op('MatMul', [flat, graph.weight(params.patch)]); // [N, P, D]
  const count = graph.op('Slice', [graph.op('Shape', [pixels]), graph.ints([0]), graph.ints([1])]);
  const shape = graph.op('Concat', [count, graph.ints([1]), graph.ints([width])], { axis: 0 });
  const classes = graph.op('Expand', [graph.weight(params.classToken), shape]); // [N, 1, D]
  return graph.op('Add', [graph.op('Concat', [classes, patches], { axis: 1 }), graph.weight(params.position)]);
}
