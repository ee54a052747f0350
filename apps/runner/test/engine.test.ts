import { describe, expect, it } from 'vitest';
import { selectEngine, type EngineLoaders, type EngineName } from '../src/engine.js';

/** Loaders of which only the named ones load. */
function loaders(...there: EngineName[]): EngineLoaders {
  const load = (name: EngineName) => async (threads: number) => {
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
    expect(await selectEngine('auto', 3, loaders(...there))).toMatchObject({
      name: expected,
      about: `${expected} with 3 threads`,
    });
  });

  it('warns of cpu, with the reasons why it is not another', async () => {
    const { warning } = await selectEngine('auto', 1, loaders('cpu'));
    expect(warning).toMatch(/plain JavaScript.*\(tensorflow: no tensorflow here; ort: no ort here\)/);
    expect((await selectEngine('cpu', 1, loaders('cpu', 'ort'))).warning).not.toMatch(/others do not load/);
    expect(await selectEngine('ort', 1, loaders('ort'))).not.toHaveProperty('warning');
  });

  it('says why the engine asked for does not load and what to do', async () => {
    await expect(selectEngine('tensorflow', 1, loaders('cpu'))).rejects.toThrow(
      /^the engine 'tensorflow' does not load: no tensorflow here; .*'npx nx run tools:install-tensorflow'/,
    );
  });

  it('lists all reasons where nothing loads', async () => {
    await expect(selectEngine('auto', 1, loaders())).rejects.toThrow(
      /no engine loads:\n {2}tensorflow: .*\n {2}ort: .*\n {2}cpu: /,
    );
  });
});
