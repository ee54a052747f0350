import { describe, expect, it } from 'vitest';
import { loadDawn } from '../src/dawn.js';
import { shaderOf } from '../src/kernel-source.js';
import { subgroupTiles } from '../src/kernels/subgroup-tiles.js';

/** Matrix units are found on few GPUs; Dawn's null device compiles for them nevertheless. */
describe('products on matrix units', () => {
  const flags = [false, true];
  const forms = flags.flatMap((transposeA) =>
    flags.flatMap((transposeB) =>
      flags.flatMap((quads) =>
        ['linear', 'leakyrelu'].map((activation) => ({
          ...{ transposeA, transposeB, activation, half: true, bias: quads },
          ...{ quadsA: quads, quadsB: !quads, quadsY: quads },
        })),
      ),
    ),
  );

  it('are shaders without a complaint, in every form', async () => {
    const { gpu } = await loadDawn(['backend=null', 'enable-dawn-features=allow_unsafe_apis']);
    const adapter = await gpu.requestAdapter();
    const features = ['shader-f16', 'subgroups', 'chromium-experimental-subgroup-matrix'] as GPUFeatureName[];
    const device = await adapter!.requestDevice({ requiredFeatures: features });
    const complaints: string[] = [];
    device.addEventListener('uncapturederror', (event) => event.preventDefault());
    for (const form of forms) {
      for (const [rows, columns, inner] of [
        [16, 16, 16],
        [16, 8, 16],
        [8, 8, 8],
      ]) {
        const source = subgroupTiles(
          form,
          { down: 2, across: 2, high: 2, wide: 2, depth: 32 },
          { rows, columns, inner },
        );
        const { messages } = await device.createShaderModule({ code: shaderOf(source) }).getCompilationInfo();
        complaints.push(...messages.map(({ message, lineNum }) => `${source.name}:${lineNum}: ${message}`));
      }
    }
    expect(complaints).toEqual([]);
    expect(forms).toHaveLength(16);
  });
});
