import { describe, expect, it } from 'vitest';
import { WEBGPU } from '../../../tools/testing.js';
import {
  automaticEngine,
  EngineError,
  engineLoaders,
  PrecisionError,
  selectEngine,
  type EngineLoaders,
  type EngineName,
  type EngineSettings,
} from '../src/index.js';

const FP32: EngineSettings = { threads: 1, precision: 'fp32' };
const BF16: EngineSettings = { threads: 1, precision: 'bf16' };

/** Loaders of which only the named ones load. */
function loaders(...there: EngineName[]): EngineLoaders {
  const load =
    (name: EngineName) =>
    async ({ threads }: EngineSettings) => {
      if (!there.includes(name)) throw new Error(`no ${name} here\nand a second line`);
      return `${name} with ${threads} threads`;
    };
  return { tensorflow: load('tensorflow'), webgpu: load('webgpu'), ort: load('ort'), cpu: load('cpu') };
}

/** The same on a machine where so many of them find a GPU. */
function loadersOnGpu(there: readonly EngineName[], gpu: readonly EngineName[]): EngineLoaders {
  const all = loaders(...there);
  const load =
    (name: EngineName) =>
    async (settings: EngineSettings): Promise<string> => {
      if (settings.gpuOnly && !gpu.includes(name)) throw new Error('no GPU');
      return all[name](settings);
    };
  return { tensorflow: load('tensorflow'), webgpu: load('webgpu'), ort: load('ort'), cpu: load('cpu') };
}

describe('selectEngine', () => {
  it.each([
    [['tensorflow', 'webgpu'], 'tensorflow'],
    [['webgpu'], 'webgpu'],
    [[], 'tensorflow'],
  ] as const)('takes a GPU first with auto, CUDA before others: of %j it is %s', async (gpu, expected) => {
    const all = loadersOnGpu(['tensorflow', 'webgpu', 'ort', 'cpu'], gpu);
    expect(await selectEngine('auto', FP32, all)).toMatchObject({ name: expected });
    const health = (['cpu', 'ort', 'webgpu', 'tensorflow'] as const).map((name) => ({ name, loads: true, about: '' }));
    expect(automaticEngine(health.map((one) => ({ ...one, gpu: gpu.some((name) => name === one.name) })))).toBe(
      expected,
    );
  });

  it('takes no GPU that the processor plays with auto, and takes it where it is asked for', async () => {
    const played = loadersOnGpu(['webgpu', 'ort'], []);
    expect(await selectEngine('auto', FP32, played)).toMatchObject({ name: 'ort' });
    expect(await selectEngine('webgpu', FP32, played)).toMatchObject({ name: 'webgpu' });
  });

  it.skipIf(!WEBGPU)('the GPU of the tests, which the processor plays, is not taken', async () => {
    await expect(engineLoaders.webgpu({ ...FP32, gpuOnly: true })).rejects.toThrow(/expected a GPU/);
    const { about } = await selectEngine('webgpu', FP32);
    expect(about).toMatch(/^webgpu \(.*MiB in one piece.*\)$/);
    await expect(selectEngine('webgpu', BF16)).rejects.toThrow(/does not compute in bf16/);
  });

  it.each([
    [['tensorflow', 'ort', 'cpu'], 'tensorflow'],
    [['ort', 'cpu'], 'ort'],
    [['cpu'], 'cpu'],
  ] as const)('takes the first of %j with auto', async (there, expected) => {
    expect(await selectEngine('auto', { ...FP32, threads: 3 }, loaders(...there))).toMatchObject({
      name: expected,
      about: `${expected} with 3 threads`,
    });
  });

  it('warns of cpu, with the reasons why it is not another', async () => {
    const { warning } = await selectEngine('auto', FP32, loaders('cpu'));
    expect(warning).toMatch(
      /plain JavaScript.*\(tensorflow: no tensorflow here; webgpu: no webgpu here; ort: no ort here\)/,
    );
    expect((await selectEngine('cpu', FP32, loaders('cpu', 'ort'))).warning).not.toMatch(/others do not load/);
    expect(await selectEngine('ort', FP32, loaders('ort'))).not.toHaveProperty('warning');
  });

  it('says why the engine asked for does not load and what to do', async () => {
    await expect(selectEngine('tensorflow', FP32, loaders('cpu'))).rejects.toThrow(
      /^the engine 'tensorflow' does not load: no tensorflow here; .*'npx nx run tools:install-tensorflow'/,
    );
  });

  it('computes with what there is, without being told anything', async () => {
    const { about } = await selectEngine(undefined, {}, { ...loaders('cpu'), ort: engineLoaders.ort });
    expect(about).toMatch(/^ort \(ONNX Runtime .*, \d+ threads?\)$/);
    await expect(selectEngine('tensorflow', {}, loaders('cpu'))).rejects.toThrow(EngineError);
  });

  it('lists all reasons where nothing loads', async () => {
    await expect(selectEngine('auto', FP32, loaders())).rejects.toThrow(
      /no engine loads:\n {2}tensorflow: .*\n {2}webgpu: .*\n {2}ort: .*\n {2}cpu: /,
    );
  });

  it('refuses float16 where the engine has none, and names the one that has', async () => {
    await expect(selectEngine('ort', { threads: 1, precision: 'fp16' })).rejects.toThrow(
      "the engine 'ort' does not compute in fp16: it multiplies in float32 only; use precision 'fp32', or use " +
        "engine 'webgpu' on a GPU with shader-f16",
    );
  });

  it('refuses a precision that the engine does not have', async () => {
    const narrow = async (): Promise<string> => {
      throw new PrecisionError('bfloat16 is no faster here');
    };
    await expect(selectEngine('ort', BF16)).rejects.toThrow(
      "the engine 'ort' does not compute in bf16: it multiplies in float32 only; use precision 'fp32', or use " +
        "engine 'tensorflow'",
    );
    const incapable = { ...engineLoaders, tensorflow: narrow };
    await expect(selectEngine('tensorflow', BF16, incapable)).rejects.toThrow(
      /^the engine 'tensorflow' does not compute in bf16: bfloat16 is no faster here; use precision 'fp32'$/,
    );
    await expect(selectEngine('auto', BF16, incapable)).rejects.toThrow(
      new RegExp(
        'no engine computes in bf16 here:\\n {2}tensorflow: .* faster here\\n' +
          ' {2}webgpu: it multiplies in float32 or float16\\n {2}ort: it multiplies in float32 only\\n {2}cpu: ',
      ),
    );
    const capable = { ...engineLoaders, tensorflow: async () => 'tensorflow, bf16' };
    expect(await selectEngine('auto', BF16, capable)).toMatchObject({ name: 'tensorflow', about: 'tensorflow, bf16' });
  });
});
