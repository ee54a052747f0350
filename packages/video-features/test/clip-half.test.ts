import * as tf from '@tensorflow/tfjs';
import { findWebGpu, registerWebGpuBackend } from '@wbdc/tfjs-backend-webgpu';
import { beforeAll, describe, expect, it } from 'vitest';
import { distance, WEBGPU } from '../../../tools/testing.js';
import { cases, compute, expectClose } from './clip-models.js';

/** A device that multiplies in float16. The precision is that of the process, hence of this file. */
const HALF = WEBGPU !== undefined && (await findWebGpu()).features.includes('shader-f16');

describe.skipIf(!HALF)('a published model whose products are in float16', () => {
  beforeAll(async () => {
    await registerWebGpuBackend({ precision: 'fp16' });
    await tf.setBackend('webgpu');
  });

  it.each(cases)('is as near to transformers in float16 as float32 is: $kind', async (of) => {
    const ours = await compute(of);
    await expectClose(ours, of, 'float16');
    expect(distance(ours.text_embeds, of.float32.text_embeds)).toBeGreaterThan(1e-5); // it is float16 that multiplies
  });
});
