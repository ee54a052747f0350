import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openOnnx, type OnnxRuntime } from '@wbdc/video-features/onnx';
import * as ort from 'onnxruntime-node';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { lacksVnni } from '../../src/trained/node/processor.js';

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

  it('an x86 with AVX2 and without VNNI needs weights of 7 bits', () => {
    expect(lacksVnni(new Set(['avx', 'avx2', 'fma']))).toBe(true);
    expect(lacksVnni(new Set(['avx2', 'avx_vnni']))).toBe(false);
    expect(lacksVnni(new Set(['avx2', 'avx512f', 'avx512_vnni']))).toBe(false);
    expect(lacksVnni(new Set(['asimd']))).toBe(false);
  });
});
