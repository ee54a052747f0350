import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createContext, Script } from 'node:vm';
import { build as esbuild } from 'esbuild';
import { build as vite } from 'vite';
import webpack from 'webpack';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tmpdir } from 'node:os';

const ROOT = join(import.meta.dirname, '../..');
const PROGRAM = join(ROOT, 'tools/bundled-program.js');
const MODEL = join(ROOT, 'packages/pipeline/test/fixtures/0.1.0/pretrained');
const FILES = ['config.json', 'model.safetensors', 'vocab.txt', 'tokenizer.json', 'tokenizer_config.json'];

type Told = Readonly<Record<string, readonly number[]>>;
type Run = (files: object, videos: readonly object[]) => Promise<Told>;

let folder: string;
let alias: Readonly<Record<string, string>>;
let expected: Told;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'wbdc-bundlers-'));
  // tfjs is the application's own: here a script of its own, as from a CDN.
  const own = join(folder, 'tf.cjs');
  await writeFile(own, 'module.exports = globalThis.tf;');
  alias = { '@tensorflow/tfjs': own };
  const { run } = (await import(PROGRAM)) as { run: Run };
  expected = await run(await modelFiles(), videos());
}, 120_000);
afterAll(() => rm(folder, { recursive: true, force: true }));

async function modelFiles(): Promise<Record<string, Uint8Array>> {
  const read = FILES.map(async (name) => [name, new Uint8Array(await readFile(join(MODEL, name)))] as const);
  return Object.fromEntries(await Promise.all(read));
}

function videos() {
  return Array.from({ length: 6 }, (_, i) => ({
    category: ['0100', '0901'][i % 2],
    title: '笑脸',
    features: [Array.from({ length: 8 }, (_, k) => Math.sin(k * (1 + (i % 2))))],
  }));
}

/** Each with what a user would write; `node:` modules are an error of their own. */
const BUNDLERS: Readonly<Record<string, () => Promise<string>>> = {
  esbuild: async () => {
    const { outputFiles } = await esbuild({
      ...{
        entryPoints: [PROGRAM],
        bundle: true,
        write: false,
        platform: 'browser',
        format: 'iife',
        globalName: 'page',
      },
      ...{ alias, logLevel: 'silent', external: ['@tensorflow/tfjs-backend-webgpu'] },
    });
    return outputFiles[0].text;
  },
  vite: async () => {
    const warnings: string[] = [];
    const built = await vite({
      ...{ root: folder, configFile: false, logLevel: 'silent', resolve: { alias } },
      build: {
        ...{ write: false, minify: false },
        lib: { entry: PROGRAM, formats: ['iife'], name: 'page', fileName: 'page' },
        rollupOptions: {
          external: ['@tensorflow/tfjs-backend-webgpu'],
          onwarn: ({ message }: { message: string }) => void warnings.push(message),
        },
      },
    });
    // Vite replaces Node's modules by empty ones and warns.
    expect(warnings.filter((line) => /node:|externalized/.test(line))).toEqual([]);
    const [{ output }] = built as { output: readonly { code?: string }[] }[];
    return output[0].code!;
  },
  webpack: async () => {
    const compiler = webpack({
      ...{ mode: 'none', target: 'webworker', entry: PROGRAM, resolve: { alias } },
      externals: { '@tensorflow/tfjs-backend-webgpu': 'self' },
      output: { path: folder, filename: 'webpack.js', library: { name: 'page', type: 'var' } },
      plugins: [new webpack.optimize.LimitChunkCountPlugin({ maxChunks: 1 })],
    });
    const stats = await new Promise<webpack.Stats>((resolve, reject) => {
      compiler.run((error, result) => (error || !result ? reject(error ?? new Error('no result')) : resolve(result)));
    });
    expect(stats.toJson({ all: false, errors: true }).errors?.map(({ message }) => message)).toEqual([]);
    return readFile(join(folder, 'webpack.js'), 'utf8');
  },
};

/** A realm with what a worker of a browser has, and nothing of Node. */
async function inRealm(code: string): Promise<Run> {
  const web = { TextDecoder, TextEncoder, URL, Blob, AbortController, AbortSignal, performance, crypto, atob, btoa };
  const realm = createContext({ ...web, setTimeout, clearTimeout, WorkerGlobalScope: Object, console });
  new Script('globalThis.self = globalThis; self.location = { href: "https://a.example/" }').runInContext(realm);
  // Each look at a global of such a realm asks Node: in its inner loops tfjs would wait for little else.
  const language = new Script('Object.getOwnPropertyNames(globalThis)').runInContext(realm) as string[];
  const names = language.filter((name) => /^[A-Z]/.test(name) && name !== 'Infinity' && name !== 'NaN');
  const within = (text: string, result: string): unknown => {
    const body = `return (function () { ${text}\n return ${result}; }).call(globalThis)`;
    return new Script(`(({ ${names.join(', ')} }) => { ${body} })(globalThis)`).runInContext(realm);
  };
  within(await readFile(join(ROOT, 'node_modules/@tensorflow/tfjs/dist/tf.min.js'), 'utf8'), 'undefined');
  return within(code, 'page.run') as Run;
}

describe('what users bundle', () => {
  it.each(Object.keys(BUNDLERS))('%s: without a Node module, it says what Node says', async (name) => {
    const code = await BUNDLERS[name]();
    expect(code).not.toMatch(/require\(["']node:|from ["']node:|import ["']node:/);
    const run = await inRealm(code);
    const told = JSON.parse(JSON.stringify(await run(await modelFiles(), videos()))) as Told;
    expect(Object.keys(told)).toEqual(Object.keys(expected));
    for (const [what, values] of Object.entries(expected)) {
      expect(values.length, what).toBeGreaterThan(0);
      expect(told[what], what).toHaveLength(values.length);
      told[what].forEach((value, i) => expect(Math.abs(value - values[i]), what).toBeLessThan(1e-5));
    }
  });
});
