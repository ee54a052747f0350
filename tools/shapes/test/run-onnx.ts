import onnxProto from 'onnx-proto';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import type { Floats, Ints } from '@wbdc/nn';
import type { DeferredCheck } from '../recorder.js';

const { ModelProto } = onnxProto.onnx;

/** Runs a model with further outputs, the values that comments speak of, and checks their shapes. */
export async function checkDeferred(
  model: Uint8Array,
  deferred: readonly DeferredCheck[],
  inputs: Readonly<Record<string, Ints | Floats>>,
): Promise<void> {
  const { graph, ...rest } = ModelProto.toObject(ModelProto.decode(model));
  const asked = new Set(deferred.map(({ name }) => name));
  const output = [...(graph.output ?? []), ...[...asked].map((name) => ({ name }))];
  const bytes = ModelProto.encode(ModelProto.fromObject({ ...rest, graph: { ...graph, output } })).finish();
  const session = await InferenceSession.create(bytes.slice());
  const feeds = Object.entries(inputs).map(([name, { data, shape }]) => {
    return [name, data instanceof Int32Array ? new Tensor('int32', data, shape) : new Tensor('float32', data, shape)];
  });
  const results = await session.run(Object.fromEntries(feeds) as Record<string, Tensor>);
  for (const { name, check } of deferred) check(results[name].dims);
}
