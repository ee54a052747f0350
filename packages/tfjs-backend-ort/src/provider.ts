import { buildModel } from './graph.js';

/** Whether ONNX Runtime's own WebGPU provider computes here; for people too. */
export interface ProviderHealth {
  readonly computes: boolean;
  readonly about: string;
}

/** Lets ONNX Runtime's WebGPU provider multiply, with no help from the processor. It never throws. */
export async function examineWebGpuProvider(): Promise<ProviderHealth> {
  try {
    const { InferenceSession, Tensor } = await import('onnxruntime-node');
    const model = buildModel('y = MatMul (a, b)', { a: 'float32', b: 'float32' }, { y: 'float32' }, false);
    const session = await InferenceSession.create(model, {
      executionProviders: ['webgpu'],
      logSeverityLevel: 4,
      extra: { session: { disable_cpu_ep_fallback: '1' } },
    });
    try {
      const ones = new Tensor('float32', new Float32Array(16).fill(1), [4, 4]);
      const { y } = await session.run({ a: ones, b: ones }, ['y']);
      const right = Array.from(y.data as Float32Array).every((value) => value === 4);
      return { computes: right, about: right ? 'computes on a GPU' : 'computes something wrong on this GPU' };
    } finally {
      await session.release();
    }
  } catch (cause) {
    const reason = (cause instanceof Error ? cause.message : String(cause)).split('\n')[0].slice(0, 200);
    return { computes: false, about: `finds no GPU (${reason})` };
  }
}
