import { describe, expect, it } from 'vitest';
import { diagnose } from '../src/core/doctor.js';
import { engineLoaders, type EngineLoaders } from '../src/core/engine.js';

const refuse = async (): Promise<string> => {
  throw new Error('no such thing here\nand a second line');
};

describe('diagnose', () => {
  it('says what loads and computes, why the others do not, and what to do', async () => {
    const loaders: EngineLoaders = { ...engineLoaders, tensorflow: refuse };
    const { ok, auto, engines, tools } = await diagnose(1, loaders, async () => ['ffmpeg']);
    expect({ ok, auto }).toEqual({ ok: true, auto: 'ort' });
    expect(engines.map(({ name, loads }) => [name, loads])).toEqual([
      ['tensorflow', false],
      ['ort', true],
      ['cpu', true],
    ]);
    expect(engines[0]).toMatchObject({
      about: 'no such thing here',
      remedy: expect.stringContaining('install-tensorflow'),
    });
    expect(engines[1].gflops).toBeGreaterThan(0);
    expect(tools.map(({ found, remedy }) => [found, remedy === undefined])).toEqual([
      [false, false],
      [true, true],
    ]);
  });

  it('is not content with plain JavaScript', async () => {
    const loaders: EngineLoaders = { cpu: engineLoaders.cpu, ort: refuse, tensorflow: refuse };
    expect(await diagnose(1, loaders, async () => [])).toMatchObject({ ok: false, auto: 'cpu' });
    const none = await diagnose(1, { cpu: refuse, ort: refuse, tensorflow: refuse }, async () => []);
    expect(none).toMatchObject({ ok: false, auto: null });
  });
});
