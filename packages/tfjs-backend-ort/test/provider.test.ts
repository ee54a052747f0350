import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { WEBGPU } from '../../../tools/testing.js';

const FROM_SOURCE = fileURLToPath(new URL('../../../tools/from-source/register.mjs', import.meta.url));

/** In a process of its own: the first look decides which drivers there are. */
function examined(env: NodeJS.ProcessEnv): unknown {
  const program = `import { examineWebGpuProvider } from '@wbdc/tfjs-backend-ort';
    console.log(JSON.stringify(await examineWebGpuProvider()));
    process.exit(0);`;
  const args = ['--import', FROM_SOURCE, '--input-type=module', '-e', program];
  const options = { env: { ...process.env, ...env, VITEST: undefined }, cwd: import.meta.dirname };
  const said = execFileSync(process.execPath, args, {
    ...options,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  return JSON.parse(said.trim().split('\n').at(-1)!);
}

describe("ONNX Runtime's WebGPU provider", () => {
  it.skipIf(!WEBGPU)('computes where there is a GPU', () => {
    expect(examined({})).toEqual({ computes: true, about: 'computes on a GPU' });
  });

  it('says that there is none, in the words of the runtime', () => {
    const { computes, about } = examined({ VK_ICD_FILENAMES: '/nowhere.json', VK_INSTANCE_LAYERS: '' }) as {
      computes: boolean;
      about: string;
    };
    expect(computes).toBe(false);
    expect(about).toMatch(/^finds no GPU \(.*(webgpu|adapter)/i);
  });
});
