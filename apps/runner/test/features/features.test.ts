import { cp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { wbdcLayout, openFeatureStore } from '@wbdc/data';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { runCommandLine } from '../../src/program.js';
import { distance } from '../../../../tools/testing.js';
import { TestHost } from '../host.js';
import { makeWorld, type World } from './world.js';

const WIDTH = 6;
const SETTINGS = `
engine: cpu
data: { folder: my, trainSplits: [unlabeled], heldOutSplits: [test_a], maxBadShare: 0.1 }
features: { tower: tower, batchSize: 5, decodeThreads: 1 }
`;

let world: World;
let host: TestHost;
beforeAll(async () => {
  await tf.setBackend('cpu');
  const tower = { imageSize: 16, patchSize: 8, width: WIDTH, layers: 1, heads: 2, intermediateSize: 12, projection: 4 };
  world = await makeWorld({ videos: { unlabeled: 11, test_a: 2 }, frames: (i) => 1 + (i % 4), tower });
  await writeFile(join(world.folder, 'my.yaml'), SETTINGS);
  host = new TestHost(world.folder);
  for (const name of ['whole', 'parts', 'bad', 'env']) expect(await run(`data --name ${name}`)).toBe(0);
  expect(await run('features --name whole')).toBe(0);
});
afterAll(() => rm(world.folder, { recursive: true }));
beforeEach(() => (host = new TestHost(world.folder)));

async function run(args: string, env: Record<string, string> = {}): Promise<number> {
  Object.assign(host.env, env);
  const [command, ...rest] = args.split(' ');
  return runCommandLine([command, '--config', 'my.yaml', ...rest], host);
}
const made = (path: string): string => join(world.folder, 'runs', path);
const bytesOf = (name: string) =>
  Promise.all(['unlabeled.zip', 'test_a.zip'].map((file) => readFile(made(`${name}/features/${file}`))));

describe('wbdc features with a published tower', () => {
  it('needs no clip stage, and says how fast it was', async () => {
    const store = await openFeatureStore(made('whole/features/unlabeled.zip'));
    expect([store.size, store.width, (await store.read(world.ids['unlabeled'][6])).shape]).toEqual([
      11,
      WIDTH,
      [3, WIDTH],
    ]);
    expect(store.recipe).toMatchObject({ preprocessing: { statistics: 'clip', resizer: 'pillow' }, output: 'pooled' });
    await store.close();
    expect(
      await run(
        'features --name env --set features.output=projected --set features.statistics=imagenet --set ' +
          'features.sampling.kind=even --set features.sampling.limit=2',
      ),
    ).toBe(0);
    expect(host.out).toMatch(/unlabeled: [\d.]+ videos\/s {2}[\d.]+ frames\/s; the tower waited for pictures [\d.]+ %/);
    const other = await openFeatureStore(made('env/features/unlabeled.zip'));
    expect([other.width, (await other.read(world.ids['unlabeled'][6])).shape]).toEqual([4, [2, 4]]);
    expect(other.recipe).toMatchObject({
      preprocessing: { statistics: 'imagenet' },
      sampling: { kind: 'even', limit: 2 },
    });
    await other.close();
  });

  it('is made again where pictures are read in another way', async () => {
    for (const set of ['features.resize=20', 'features.resizer=fast', 'features.statistics=imagenet']) {
      host = new TestHost(world.folder);
      expect(await run(`features --name whole --set ${set}`)).toBe(1);
      expect(host.err).toContain(`features was made with other settings:\n  ${set.split('=')[0]}: there`);
    }
    expect(await run('features --name whole --set features.batchSize=3 --set features.decodeThreads=2')).toBe(0);
  });

  it('gives the same on ONNX Runtime, where the tower is one graph', async () => {
    expect(await run('features --name graph --engine ort --set run.base=whole')).toBe(0);
    const [here, there] = await Promise.all(
      ['whole', 'graph'].map((name) => openFeatureStore(made(`${name}/features/unlabeled.zip`))),
    );
    for (const id of world.ids['unlabeled']) {
      expect(distance((await there.read(id)).data, (await here.read(id)).data)).toBeLessThan(2e-3); // a bit of float16
    }
    await Promise.all([here.close(), there.close()]);
    await tf.setBackend('cpu');
  });

  it('refuses statistics that its tower has never seen, and an output it has not', async () => {
    expect(await run('features --name x --set features.tower=null --set features.statistics=imagenet')).toBe(1);
    expect(host.err).toContain('features.statistics: expected clip where features.tower is null');
  });
});

describe('wbdc features --shard', () => {
  it('makes parts that merge to the bytes of the whole', async () => {
    expect(await run('merge-features --name parts')).toBe(1);
    expect(host.err).toContain('features-shards: expected shards, found none: run wbdc features --shard i/n');
    expect(await run('features --name parts --shard 1/3')).toBe(0);
    expect(host.out).toContain('shard    1/3 (--shard 1/3)');
    expect(host.out).toContain('next     npx wbdc merge-features --config my.yaml --name parts');
    expect(await run('merge-features --name parts')).toBe(1);
    expect(host.err).toContain('0000-of-0003: there is none: run wbdc features --shard 0/3');
    expect(await run('verify-features --name parts')).toBe(1);
    expect(host.err).toContain("there are only shards of it: run 'npx wbdc merge-features' first");
    expect(
      await run('features --name parts', {
        SLURM_ARRAY_TASK_ID: '4',
        SLURM_ARRAY_TASK_MIN: '4',
        SLURM_ARRAY_TASK_COUNT: '3',
      }),
    ).toBe(0);
    host = new TestHost(world.folder);
    expect(await run('features --name parts --shards 3', { JOB_COMPLETION_INDEX: '2' })).toBe(0);
    expect(host.out).toContain('shard    2/3 (JOB_COMPLETION_INDEX=2 of 3)');
    expect(await run('features --name parts --shards 3')).toBe(0);
    expect(host.out).toContain('features: already done in runs/parts/features-shards/0002-of-0003');
    expect(await run('merge-features --name parts --json')).toBe(0);
    expect(await bytesOf('parts')).toEqual(await bytesOf('whole'));
    expect(await run('verify-features --name parts')).toBe(0);
    expect(host.out).toContain('unlabeled: 11 videos, 26 frames, 0 skipped');
  });

  it('names every shard that is unfinished or made otherwise', async () => {
    await cp(made('parts'), made('mixed'), { recursive: true });
    await rm(made('mixed/features'), { recursive: true });
    const edit = async (shard: string, change: (record: Record<string, unknown>) => void): Promise<void> => {
      const path = made(`mixed/features-shards/${shard}/stage.json`);
      const record = JSON.parse(await readFile(path, 'utf8')) as Record<string, unknown>;
      change(record);
      await writeFile(path, JSON.stringify(record));
    };
    await edit('0000-of-0003', (record) => (record['status'] = 'unfinished'));
    await edit(
      '0001-of-0003',
      (record) => (record['inputs'] = { ...(record['inputs'] as object), 'frames of test_a': '' }),
    );
    expect(await run('merge-features --name mixed')).toBe(1);
    expect(host.err).toContain('0000-of-0003: unfinished: run wbdc features --shard 0/3 --resume');
    expect(host.err).toContain(
      '0001-of-0003: made with other settings, data or another tower: run wbdc features --shard 1/3 --overwrite',
    );
    expect(host.err).not.toContain('0002-of-0003');
    expect(await readdir(made('mixed'))).not.toContain('features'); // nothing was made
    expect(await run('features --name mixed --shard 3/3')).toBe(2);
    expect(await run('vocab --name mixed')).toBe(0);
    expect(await run('pretrain --name mixed')).toBe(1);
    expect(host.err).toContain("there are only shards of it: run 'npx wbdc merge-features'");
  });

  it('does not merge shards of other videos than there are now', async () => {
    await cp(made('parts'), made('grown'), { recursive: true });
    await rm(made('grown/features'), { recursive: true });
    const path = join(world.folder, 'my/annotations/unlabeled.json');
    const before = await readFile(path, 'utf8');
    await writeFile(path, before.replace(world.ids['unlabeled'][4], '1900000000000000000'));
    try {
      expect(await run('merge-features --name grown')).toBe(1);
      expect(host.err).toMatch(/runs\/grown\/data: videos, frames changed since .*: rerun from data with/);
      expect(await run('data --name grown --overwrite')).toBe(0);
      expect(await run('merge-features --name grown')).toBe(1);
      expect(host.err).toContain('0000-of-0003: made with other settings, data or another tower: run');
    } finally {
      await writeFile(path, before);
    }
  });
});

describe('videos that cannot be read', () => {
  it('are listed with their reason, by a shard too, and known to merge and verify', async () => {
    const broken = world.ids['unlabeled'][2];
    const path = wbdcLayout(join(world.folder, 'my')).frameZip('unlabeled', broken);
    const before = await readFile(path);
    await writeFile(path, 'no zip');
    expect(await run('data --name bad --overwrite')).toBe(0);
    for (const shard of ['0/2', '1/2']) expect(await run(`features --name bad --shard ${shard}`)).toBe(0);
    host.out = '';
    expect(await run('merge-features --name bad --json')).toBe(0);
    expect(JSON.parse(host.out.trim().split('\n').at(-1)!)).toMatchObject({
      summary: { shards: 2, splits: { unlabeled: { videos: 10, skipped: 1 }, test_a: { videos: 2, skipped: 0 } } },
    });
    expect(await readFile(made('bad/features/unlabeled.skipped.tsv'), 'utf8')).toMatch(
      new RegExp(`^${broken}\t.*expected a zip of pictures, got something else`),
    );
    expect((await readdir(made('bad/features'))).sort()).toEqual([
      'contents.tsv',
      'stage.json',
      'test_a.zip',
      'unlabeled.skipped.tsv',
      'unlabeled.zip',
    ]);
    expect(await run('verify-features --name bad')).toBe(0);
    expect(host.out).toContain('unlabeled: 10 videos, 23 frames, 1 skipped');
    await writeFile(path, before);
  });

  it('are found by verify where a store is damaged or incomplete', async () => {
    const path = made('bad/features/unlabeled.zip');
    const bytes = await readFile(path);
    bytes[bytes.indexOf(`${world.ids['unlabeled'][0]}.npy`) + 150] ^= 1;
    await writeFile(path, bytes);
    await rm(made('bad/features/unlabeled.skipped.tsv'));
    expect(await run('verify-features --name bad --json')).toBe(1);
    const { ok, splits } = JSON.parse(host.out) as { ok: boolean; splits: { problems: string[] }[] };
    expect([ok, splits.map(({ problems }) => problems.length)]).toEqual([false, [2, 0]]);
    expect(splits[0].problems[0]).toContain(`expected features of video ${world.ids['unlabeled'][2]}, got none`);
    expect(splits[0].problems[1]).toContain(`${world.ids['unlabeled'][0]}: expected`);
  });
});
