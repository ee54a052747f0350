import { describe, expect, it } from 'vitest';
import {
  engineLoaders,
  PrecisionError,
  selectEngine,
  type EngineLoaders,
  type EngineName,
  type EngineSettings,
} from '../src/core/engine.js';

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
  return { tensorflow: load('tensorflow'), ort: load('ort'), cpu: load('cpu') };
}

describe('selectEngine', () => {
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
    expect(warning).toMatch(/plain JavaScript.*\(tensorflow: no tensorflow here; ort: no ort here\)/);
    expect((await selectEngine('cpu', FP32, loaders('cpu', 'ort'))).warning).not.toMatch(/others do not load/);
    expect(await selectEngine('ort', FP32, loaders('ort'))).not.toHaveProperty('warning');
  });

  it('says why the engine asked for does not load and what to do', async () => {
    await expect(selectEngine('tensorflow', FP32, loaders('cpu'))).rejects.toThrow(
      /^the engine 'tensorflow' does not load: no tensorflow here; .*'npx nx run tools:install-tensorflow'/,
    );
  });

  it('lists all reasons where nothing loads', async () => {
    await expect(selectEngine('auto', FP32, loaders())).rejects.toThrow(
      /no engine loads:\n {2}tensorflow: .*\n {2}ort: .*\n {2}cpu: /,
    );
  });

  it('refuses a precision that the engine does not have', async () => {
    const narrow = async (): Promise<string> => {
      throw new PrecisionError('bfloat16 is no faster here');
    };
    await expect(selectEngine('ort', BF16)).rejects.toThrow(
      "the engine 'ort' does not compute in bf16: it multiplies in float32 only; use --precision fp32, or " +
        '--engine tensorflow',
    );
    const incapable = { ...engineLoaders, tensorflow: narrow };
    await expect(selectEngine('tensorflow', BF16, incapable)).rejects.toThrow(
      /^the engine 'tensorflow' does not compute in bf16: bfloat16 is no faster here; use --precision fp32$/,
    );
    await expect(selectEngine('auto', BF16, incapable)).rejects.toThrow(
      new RegExp(
        'no engine computes in bf16 here:\\n {2}tensorflow: .* faster here\\n' +
          ' {2}ort: it multiplies in float32 only\\n {2}cpu: ',
      ),
    );
    const capable = { ...engineLoaders, tensorflow: async () => 'tensorflow, bf16' };
    expect(await selectEngine('auto', BF16, capable)).toMatchObject({ name: 'tensorflow', about: 'tensorflow, bf16' });
  });
});
