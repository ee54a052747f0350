import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openOnnx, type OnnxRuntime } from '@wbdc/video-features/onnx';
import * as ort from 'onnxruntime-node';
import { afterEach, describe, expect, it, vi } from 'vitest';

const MODEL = join(import.meta.dirname, '../../../checkpoints/test/fixtures/quantize/model.onnx');

describe('processors', () => {
  afterEach(() => vi.unstubAllGlobals());

  it('on ARM products of half precision may go through bfloat16, and of float32 not', async () => {
    const create = vi.fn(async () => Promise.reject(new Error('stop')));
    const runtime = { InferenceSession: { create }, Tensor: ort.Tensor } as OnnxRuntime;
    const model = new Uint8Array(await readFile(MODEL));
    vi.stubGlobal('process', Object.create(process, { arch: { value: 'arm64' } }));
    for (const dtype of ['fp32', 'fp16'] as const)
      await expect(openOnnx(runtime, model, { dtype })).rejects.toThrow('stop');
    const extra = { mlas: { enable_gemm_fastmath_arm64_bfloat16: '1' } };
    expect(create.mock.calls.map(([, options]: unknown[]) => options)).toEqual([{}, { extra }]);
    vi.unstubAllGlobals();
    await (await ort.InferenceSession.create(model, { extra })).release(); // it takes such settings
  });
});
