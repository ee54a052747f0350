import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createContext, Script, type Context } from 'node:vm';
import * as tf from '@tensorflow/tfjs';
import { build } from 'esbuild';
import { beforeAll, describe, expect, it } from 'vitest';
import { openTrained, type TrainedModel } from '../../src/index.node.js';
import { MODEL_FILES, OLD, TEXTS, TOWER, VIDEO, videoFrames } from './fixtures.js';

/** What a page does with a model. Everything crosses the border of the realm as text. */
const PAGE = `
import * as tf from '@tensorflow/tfjs';
import { openTrained } from '@wbdc/pipeline';

const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
const plain = (key, value) => (value instanceof Float32Array ? [...value] : value);

export async function run({ source, files, method, inputs }) {
  await tf.setBackend('cpu');
  const before = tf.memory().numTensors;
  const contents = Object.fromEntries(Object.entries(files).map(([name, text]) => [name, bytes(text)]));
  const model = await openTrained(source === 'address' ? new URL('https://models.example/mine') : contents);
  const pixels = ({ data, ...size }) => ({ ...size, data: bytes(data) });
  const given = inputs.map((input) => (input.frames ? { ...input, frames: input.frames.map(pixels) } : input));
  try {
    return JSON.stringify(await model[method](given), plain);
  } finally {
    await model.close();
    if (tf.memory().numTensors !== before) throw new Error('tensors are left');
  }
}
`;

let page: (request: object) => Promise<unknown>;
let inputs: string[] = [];
const asked: string[] = [];
const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');

/** Files of a model and of its tower. */
function filesOf(kind: string, ...more: string[]): Record<string, string> {
  const read = (folder: string, names: readonly string[], prefix: string) =>
    names.map((name) => [prefix + name, base64(readFileSync(join(folder, name)))] as const);
  const tower = read(TOWER, ['config.json', 'model.safetensors'], 'tower/');
  return Object.fromEntries([...read(join(OLD, kind), [...MODEL_FILES, ...more], ''), ...tower]);
}

/** A realm with what a worker of a browser has, and nothing of Node. */
function browserRealm(): Context {
  const files = filesOf('similarity');
  const fetch = async (url: URL): Promise<Response> => {
    asked.push(url.pathname);
    const text = files[url.pathname.replace('/mine/', '')];
    return text === undefined ? new Response(null, { status: 404 }) : new Response(Buffer.from(text, 'base64'));
  };
  const web = { TextDecoder, TextEncoder, URL, Blob, AbortController, AbortSignal, performance, crypto, atob, btoa };
  const realm = createContext({ ...web, fetch, setTimeout, clearTimeout, WorkerGlobalScope: Object, console });
  new Script('globalThis.self = globalThis').runInContext(realm);
  return realm;
}

beforeAll(async () => {
  await tf.setBackend('cpu');
  const { metafile, outputFiles } = await build({
    stdin: { contents: PAGE, resolveDir: import.meta.dirname, loader: 'js' },
    bundle: true,
    write: false,
    metafile: true,
    platform: 'browser',
    format: 'iife',
    globalName: 'page',
    target: 'es2022',
    conditions: ['@wbdc/source'],
    logLevel: 'silent',
  });
  inputs = Object.keys(metafile.inputs);
  const realm = browserRealm();
  new Script(outputFiles[0].text).runInContext(realm);
  page = new Script('page.run').runInContext(realm) as typeof page;
});

async function inPage<T>(kind: string, method: string, given: object[], source = 'bytes', more: string[] = []) {
  return JSON.parse((await page({ source, method, inputs: given, files: filesOf(kind, ...more) })) as string) as T;
}

async function inNode<T>(kind: string, use: (model: TrainedModel) => PromiseLike<T>): Promise<T> {
  await using model = await openTrained(join(OLD, kind), { tower: TOWER });
  return JSON.parse(JSON.stringify(await use(model), (_, v) => (v instanceof Float32Array ? [...v] : v))) as T;
}

/** The same up to 1e-6 in every number. */
function expectSame(actual: unknown, expected: unknown): void {
  if (typeof expected === 'number') expect(actual).toBeCloseTo(expected, 6);
  else if (typeof expected !== 'object' || expected === null) expect(actual).toBe(expected);
  else {
    expect(Object.keys(actual as object)).toEqual(Object.keys(expected));
    for (const [key, value] of Object.entries(expected)) expectSame((actual as Record<string, unknown>)[key], value);
  }
}

describe('in a browser', () => {
  it('the bundle has no module of Node and no decoder of pictures', () => {
    expect(inputs.some((path) => path.endsWith('index.browser.ts'))).toBe(true);
    expect(inputs.filter((path) => /^node:|\/sharp\/|trained\/node\//.test(path))).toEqual([]);
  });

  it('frames are embedded as the file is in Node, by bytes and by address', async () => {
    const frames = (await videoFrames()).map(({ data, ...size }) => ({ ...size, data: base64(data) }));
    const input = { id: 'video', frames, ...TEXTS };
    const expected = await inNode('similarity', (model) => model.embed([{ video: VIDEO, ...TEXTS }]));
    expectSame(await inPage('similarity', 'embed', [input]), expected);
    expectSame(await inPage('similarity', 'embed', [input], 'address'), expected);
    expect(asked).toContain('/mine/tower/model.safetensors');
  });

  it('features are classified and tagged as in Node', async () => {
    const some = [[0, 1, 2].map((i) => Array.from({ length: 8 }, (_, k) => Math.sin(3 * i + k)))].map((features) => ({
      features,
      title: '包裹',
    }));
    const categories = await inNode('category', (model) => model.classify(some));
    expectSame(await inPage('category', 'classify', some, 'bytes', ['categories.json']), categories);
    const tags = await inNode('pretrained', (model) => model.tag(some));
    expectSame(await inPage('pretrained', 'tag', some, 'bytes', ['tag_list.txt']), tags);
  });

  it('a video file is refused in words', async () => {
    await expect(inPage('similarity', 'embed', [{ video: 'cat.mp4' }])).rejects.toThrow(
      'cat: expected frames that are decoded already, or features, in a browser, got a video file',
    );
  });
});

it('the settings load no engine: a command line asks for them to print its help', async () => {
  const { metafile } = await build({
    stdin: { contents: `export * from '@wbdc/pipeline/settings'`, resolveDir: import.meta.dirname, loader: 'js' },
    ...{ bundle: true, write: false, metafile: true, platform: 'node', format: 'esm' },
    conditions: ['@wbdc/source'],
    external: ['@tensorflow/tfjs', 'sharp'],
  });
  const imported = Object.values(metafile.inputs).flatMap(({ imports }) => imports.map(({ path }) => path));
  expect(imported.some((path) => path.includes('settings/model.ts'))).toBe(true);
  expect(imported).not.toContain('@tensorflow/tfjs');
  expect(imported).not.toContain('sharp');
});
