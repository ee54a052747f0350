import * as tf from '@tensorflow/tfjs';
import { expect, it } from 'vitest';
import { ortStatistics, profileKernels, registerOrtBackend } from '../src/index.js';

const messages: string[] = [];

it('asks for the registration first', () => {
  expect(() => ortStatistics()).toThrow('call registerOrtBackend() first');
});

it('registers once, with the options of the first call', async () => {
  registerOrtBackend({ threads: 1, poolBytes: 1 << 20, onFallback: (message) => messages.push(message) });
  registerOrtBackend({ poolBytes: 7 });
  expect(await tf.setBackend('ort')).toBe(true);
  expect(ortStatistics()).toMatchObject({ sessions: 0, pool: { capBytes: 1 << 20, freeBytes: 0 } });
});

it('tells once of each kernel that works through a large tensor in JavaScript', () => {
  tf.tidy(() => {
    const x = tf.fill([131, 137], 0.5);
    for (let i = 0; i < 3; i++) tf.tan(x);
    tf.add(tf.cast(x, 'int32'), tf.scalar(1, 'int32'));
    tf.tan(tf.ones([7]));
    tf.reshape(tf.exp(x), [-1]);
  });
  expect(messages).toEqual([
    'ort: Tan on x float32 [131, 137] ran in plain JavaScript, not on ONNX Runtime',
    'ort: Add on a int32 [131, 137], b int32 [] ran in plain JavaScript, not on ONNX Runtime',
  ]);
});

it('keeps one graph for all sizes, and counts what kernels cost', () => {
  const before = ortStatistics().sessions;
  const { kernels } = profileKernels(() =>
    tf.tidy(() => {
      for (const rows of [101, 103, 107]) tf.tanh(tf.fill([rows, 11], 0.3));
      tf.tan(1);
    }),
  );
  expect(ortStatistics().sessions).toBe(before + 1);
  expect(kernels).toContainEqual({
    kernel: 'Tanh',
    native: true,
    calls: 3,
    milliseconds: expect.any(Number) as number,
  });
  expect(kernels).toContainEqual({
    kernel: 'Tan',
    native: false,
    calls: 1,
    milliseconds: expect.any(Number) as number,
  });
});

it('names kernel, graph and shapes where ONNX Runtime fails', () => {
  const call = (): unknown =>
    tf
      .engine()
      .runKernel('WbdcMaskedSoftmax', { x: tf.ones([2, 3, 5, 7]), bias: tf.ones([2, 1, 1, 11]) }, { scale: 1 });
  expect(call).toThrow(/failed on x \[2, 3, 5, 7\], bias \[2, 1, 1, 11\] in 's = Mul \(x, 1\).*broadcast/is);
});
