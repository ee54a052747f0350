import { describe, expect, it } from 'vitest';
import { WEBGPU } from '../../../tools/testing.js';
import { diagnose } from '../src/core/doctor.js';
import { engineLoaders, type EngineLoaders } from '@wbdc/engine';

const refuse = async (): Promise<string> => {
  throw new Error('no such thing here\nand a second line');
};

describe('diagnose', () => {
  it('says what loads and computes, why the others do not, and what to do', async () => {
    const loaders: EngineLoaders = { ...engineLoaders, tensorflow: refuse, webgpu: refuse };
    const { ok, auto, engines, tools } = await diagnose(1, loaders, async () => ['ffmpeg']);
    expect({ ok, auto }).toEqual({ ok: true, auto: 'ort' });
    expect(engines.map(({ name, loads }) => [name, loads])).toEqual([
      ['tensorflow', false],
      ['webgpu', false],
      ['ort', true],
      ['cpu', true],
    ]);
    expect(engines[0]).toMatchObject({
      about: 'no such thing here',
      remedy: expect.stringContaining('install-tensorflow'),
    });
    expect(engines[2].gflops).toBeGreaterThan(0);
    expect(tools.map(({ found, remedy }) => [found, remedy === undefined])).toEqual([
      [false, false],
      [true, true],
    ]);
  });

  it.skipIf(!WEBGPU)(
    'names the GPU with its features, limits and what is missing, and does not count a played one',
    async () => {
      const only: EngineLoaders = { cpu: refuse, ort: refuse, tensorflow: refuse, webgpu: engineLoaders.webgpu };
      const { auto, engines } = await diagnose(1, only, async () => []);
      expect(engines[1]).toMatchObject({ loads: true, gpu: false, adapter: { description: WEBGPU, fallback: true } });
      expect(engines[1].adapter!.limits.maxStorageBuffersPerShaderStage).toBeGreaterThanOrEqual(8);
      expect(engines[1].adapter!.missing).toContain('chromium-experimental-subgroup-matrix');
      expect(engines[1].about).toMatch(/played by the processor/);
      expect(engines[1].gflops).toBeGreaterThan(0);
      expect(auto).toBeNull();
    },
  );

  it('is not content with plain JavaScript', async () => {
    const loaders: EngineLoaders = { cpu: engineLoaders.cpu, ort: refuse, tensorflow: refuse, webgpu: refuse };
    expect(await diagnose(1, loaders, async () => [])).toMatchObject({ ok: false, auto: 'cpu' });
    const none = await diagnose(1, { cpu: refuse, ort: refuse, tensorflow: refuse, webgpu: refuse }, async () => []);
    expect(none).toMatchObject({ ok: false, auto: null });
  });
});
