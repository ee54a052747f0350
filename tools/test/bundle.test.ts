import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { describe, expect, it } from 'vitest';

const root = join(import.meta.dirname, '..', '..');

/** Packages whose main entry runs in a browser. */
const PURE = [
  'ensemble-svd',
  'finetune',
  'lxmert-model',
  'metrics',
  'nn',
  'pipeline',
  'pretrain-tasks',
  'tfjs-backend-webgpu',
  'tokenizer',
  'train',
  'uni-model',
];

/** Bundles an import for a browser; tfjs is the application's own. Fails on any Node module. */
async function bundle(code: string): Promise<{ inputs: string[]; bytes: number }> {
  const { metafile, outputFiles } = await build({
    stdin: { contents: code, resolveDir: join(root, 'tools'), loader: 'ts' },
    bundle: true,
    minify: true,
    write: false,
    metafile: true,
    platform: 'browser',
    format: 'esm',
    conditions: ['@wbdc/source'],
    external: ['@tensorflow/tfjs', '@tensorflow/tfjs-backend-webgpu'],
    logLevel: 'silent',
  });
  return { inputs: Object.keys(metafile.inputs), bytes: outputFiles[0].contents.length };
}

describe('for a browser', () => {
  it.each(PURE)('@wbdc/%s bundles without a Node module', async (name) => {
    const { exports } = JSON.parse(readFileSync(join(root, 'packages', name, 'package.json'), 'utf8')) as {
      exports: Record<string, unknown>;
    };
    expect(exports).toHaveProperty(['.']);
    const { inputs, bytes } = await bundle(`export * from '@wbdc/${name}';`);
    expect(inputs.filter((path) => /(^|\/)(sharp|onnxruntime-node|koffi)\//.test(path))).toEqual([]);
    expect(bytes).toBeGreaterThan(100);
    expect(bytes).toBeLessThan(1_000_000);
  });

  it.each(['data/web', 'video-features/plain', 'video-features/web'])(
    '@wbdc/%s bundles without a Node module',
    async (name) => {
      expect((await bundle(`export * from '@wbdc/${name}';`)).bytes).toBeGreaterThan(100);
    },
  );

  it('a Node module is noticed', async () => {
    await expect(bundle(`export * from 'node:fs';`)).rejects.toThrow('Could not resolve "node:fs"');
    await expect(bundle(`export * from '@wbdc/tokenizer/node';`)).rejects.toThrow('node:fs/promises');
  });
});
