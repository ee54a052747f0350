import { cp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { rangeServer, type RangeServer } from '../../../../tools/range-server.js';
import { runIn } from '../host.js';
import { makeWorld, type World } from './world.js';

const SETTINGS = `
engine: cpu
data: { folder: my, trainSplits: [unlabeled], heldOutSplits: [test_a], remote: { cache: cache } }
vocab: { minFrequency: 1 }
features: { tower: tower, batchSize: 5, decodeThreads: 1 }
model: { layers: 1, width: 8, heads: 2, intermediate: 8 }
train: { batchSize: 4, epochs: 2 }
tasks: { tag: null }
`;

let world: World;
let server: RangeServer;

async function run(args: string) {
  const [command, ...rest] = args.split(' ');
  return runIn(world.folder, [command, '--config', 'my.yaml', ...rest]);
}
async function ok(args: string): Promise<void> {
  const { code, err } = await run(args);
  expect([args, code, err]).toEqual([args, 0, expect.any(String)]);
}
const made = (path: string): string => join(world.folder, 'runs', path);

/** Puts files below a folder on the server. */
async function upload(folder: string, name: string): Promise<void> {
  const files = await readdir(folder, { recursive: true, withFileTypes: true });
  for (const file of files.filter((one) => one.isFile())) {
    const path = join(file.parentPath, file.name);
    server.put(name + path.slice(folder.length), await readFile(path));
  }
}

beforeAll(async () => {
  await tf.setBackend('cpu');
  const tower = { imageSize: 16, patchSize: 8, width: 8, layers: 1, heads: 2, intermediateSize: 8, projection: 4 };
  world = await makeWorld({ videos: { unlabeled: 7, test_a: 3 }, frames: (i) => 1 + (i % 3), tower });
  server = await rangeServer();
  await writeFile(join(world.folder, 'my.yaml'), SETTINGS);
  await upload(join(world.folder, 'my/zip_frames'), 'frames/zip_frames');
  for (const stage of ['data', 'vocab', 'features']) await ok(`${stage} --name local`);
  await upload(made('local/features'), 'bucket/features');
  vi.stubEnv('AWS_ENDPOINT_URL_S3', server.url);
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'me');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'secret');
  vi.stubEnv('AWS_REGION', 'x');
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await server[Symbol.asyncDispose]();
  await rm(world.folder, { recursive: true });
});

const DROPS = Array.from({ length: 4 }, () => ({ kind: 'drop', after: 100 }) as const);

describe('data on a server', () => {
  it('frames give the same features as those of the disk, over connections that break', async () => {
    await cp(join(world.folder, 'my/annotations'), join(world.folder, 'texts/annotations'), { recursive: true });
    const from = `--set data.folder=texts --frames ${server.url}/frames`;
    await ok(`data --name far ${from}`);
    server.fail(...DROPS);
    await ok(`features --name far ${from}`);
    for (const file of ['unlabeled.zip', 'test_a.zip']) {
      expect(await readFile(made(`far/features/${file}`))).toEqual(await readFile(made(`local/features/${file}`)));
    }
    const { code, err } = await run(`features --name far --set data.folder=texts --frames ${server.url}/other`);
    expect(code).toBe(1);
    expect(err).toMatch(/data\.frames: there "http:.*\/frames", now "http:.*\/other"/);
  });

  it('features give the same training as those of the disk, without a features stage, and are kept', async () => {
    await ok('pretrain --name local');
    const features = '--set run.base=local --features s3://bucket/features';
    server.fail(...DROPS);
    await ok(`pretrain --name far-features ${features}`);
    const losses = async (name: string): Promise<unknown[]> => {
      const lines = (await readFile(made(`${name}/pretrain/metrics.jsonl`), 'utf8')).trim().split('\n');
      return lines.map((line) => JSON.parse(line) as { loss?: number; metrics?: object });
    };
    const plain = (all: unknown[]) =>
      JSON.stringify(all, (key, value: unknown) => (/econd|waited/.test(key) ? 0 : value));
    expect(plain(await losses('far-features'))).toBe(plain(await losses('local')));
    expect((await readdir(join(world.folder, 'cache'), { recursive: true })).length).toBeGreaterThan(2);
    expect((await run(`verify-features ${features}`)).out).toMatch(/ok {7}s3:\/\/bucket\/features\/unlabeled\.zip/);
    expect((await run(`features --name x ${features}`)).err).toMatch(/data\.features names features .* there already/);
  });

  it('is refused where it has changed, is not there or not given', async () => {
    const features = '--set run.base=local --features s3://bucket/features';
    server.put('bucket/features/test_a.zip', await readFile(made('local/features/unlabeled.zip')));
    const changed = await run(`pretrain --name far-features ${features} --resume`);
    expect(changed.code).toBe(1);
    expect(changed.err).toMatch(/data\.features changed since \S+ \(data\.features of test_a\)/);
    server.remove('bucket/features/test_a.zip');
    expect((await run(`pretrain --name x ${features}`)).err).toMatch(
      /s3:\/\/bucket\/features\/test_a\.zip: expected a file, got 404 .*: check the address/,
    );
    server.fail({ kind: 'status', status: 403 });
    expect((await run(`pretrain --name x ${features}`)).err).toMatch(
      /expected access, got 403 .*check the credentials/,
    );
    const wrong = await run('pretrain --name x --features s4://bucket/features');
    expect([wrong.code, wrong.err]).toEqual([
      1,
      expect.stringMatching(/--features s4:\S+: data\.features: expected a folder, https:.*got s4:/),
    ]);
  });
});
