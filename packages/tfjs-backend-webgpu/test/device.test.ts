import * as tf from '@tensorflow/tfjs';
import { gelu } from '@wbdc/nn';
import { expect, it, describe } from 'vitest';
import { WEBGPU } from '../../../tools/testing.js';
import type { WebGpuBackend } from '../src/backend.js';
import { EACH, EACH_ENTRY } from '../src/kernel-source.js';
import { dispatch } from '../src/kernel.js';
import {
  drainGpuMemory,
  registerWebGpuBackend,
  WebGpuError,
  WebGpuLostError,
  WebGpuMemoryError,
  webGpuStatistics,
} from '../src/index.js';

const bad = {
  name: 'WbdcBad',
  write: { y: 'f32' },
  read: {},
  params: { n: 'u32' },
  code: `${EACH_ENTRY} { ${EACH} y[i] = no_such_thing; }`,
} as const;
const huge = {
  ...bad,
  name: 'WbdcHuge',
  code: `var<workgroup> much: array<f32, 60000>;\n${EACH_ENTRY} { ${EACH} y[i] = much[i]; }`,
};

/** In this order: the device is lost at the end. */
describe.skipIf(!WEBGPU)('a device', () => {
  let backend: WebGpuBackend;
  const y = () => backend.empty([4]);

  it('is described, and taken once', async () => {
    const report = await registerWebGpuBackend();
    expect(report.description).toBe(WEBGPU);
    expect(await registerWebGpuBackend()).toBe(report);
    await tf.setBackend('webgpu');
    backend = tf.backend() as unknown as WebGpuBackend;
    expect(backend.device.limits.maxBufferSize).toBe(report.limits.maxBufferSize);
  });

  it('refuses a bad shader, and one over its limits, by an error with the kernel’s name', () => {
    for (const [source, reason] of [
      [bad, /kernel 'WbdcBad'.*no_such_thing/s],
      [huge, /kernel 'WbdcHuge'.*(exceed|limit|storage).*choose the engine 'ort'/s],
    ] as const) {
      const run = () => dispatch(backend, source, { y: y() }, { n: 4 }, [1, 1, 1]);
      expect(run).toThrow(WebGpuError);
      expect(run).toThrow(reason);
    }
    expect([...tf.add(tf.tensor1d([1, 2]), 1).dataSync()]).toEqual([2, 3]); // and goes on
  });

  it('refuses a tensor larger than it can bind, with what to do', () => {
    const limit = backend.device.limits.maxStorageBufferBindingSize;
    expect(() => tf.fill([limit / 4 + 1], 1)).toThrow(WebGpuMemoryError);
    expect(() => tf.fill([limit / 4 + 1], 1)).toThrow(/at most .* in one piece, got a tensor \[\d+\].*batch size/);
  });

  it('that is out of memory gives up what is free, tries again, and says what to do', () => {
    const { device } = backend;
    const createBuffer = device.createBuffer.bind(device);
    let refusals = 0;
    const refusing = (times: number): void => {
      refusals = times;
    };
    device.createBuffer = (descriptor) => {
      if (refusals > 0) {
        refusals--;
        class GPUOutOfMemoryError extends Error {}
        const event = Object.assign(new Event('uncapturederror'), { error: new GPUOutOfMemoryError('no room') });
        device.dispatchEvent(event);
      }
      return createBuffer(descriptor);
    };
    tf.tidy(() => void tf.add(tf.ones([300_000]), 1).dataSync());
    const held = tf.tidy(() => tf.add(tf.ones([300_000]), 1));
    refusing(1);
    expect(tf.tidy(() => tf.add(tf.ones([700_000]), 1).dataSync()[699_999])).toBe(2);
    refusing(2);
    drainGpuMemory();
    expect(() => tf.add(tf.ones([900_000]), 1)).toThrow(/out of memory at .* in tensors .*lower the batch size/);
    device.createBuffer = createBuffer;
    expect(webGpuStatistics().pool.used).toBeGreaterThan(0);
    expect(held.dataSync()[299_999]).toBe(2); // and goes on with what it holds
  });

  it('that is lost says so to whoever reads or computes, and that the checkpoint stands', async () => {
    const pending = tf.add(tf.ones([1000]), 1);
    backend.device.destroy();
    expect(() => pending.dataSync()).toThrow(WebGpuLostError);
    await expect(pending.data()).rejects.toThrow(/the last checkpoint is not/);
    await new Promise((resolve) => setTimeout(resolve, 20));
    for (const compute of [() => tf.add(pending, 1), () => tf.exp(pending), () => gelu(pending, 'erf')])
      expect(compute).toThrow(/the GPU was lost.*the same command goes on from there/);
  });
});
