import { mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { readAnnotations, readTagList, type FeatureSource, type Video } from '@wbdc/data';
import { buildDemo, buildDemoAiac } from '@wbdc/demo-data';
import { readEmbeddings } from '@wbdc/finetune/node';
import { floats } from '@wbdc/nn';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { runCommandLine } from '../../src/program.js';
import { TestHost } from '../host.js';

const WIDTH = 7;

let folder: string;
let host: TestHost;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'wbdc-aiac-run-'));
  await buildDemo({ folder: join(folder, 'demo'), seed: 5, items: 150, imageSize: 16, minTagItems: 2 });
  const features = { unlabeled: features40(), labeled: features40(), test_a: features40() };
  await buildDemoAiac({ data: join(folder, 'demo'), features, folder: join(folder, 'qq'), seed: 5 });
  const plain = join(folder, 'qq/pointwise/pretrain_0.tfrecords');
  await writeFile(`${plain}.gz`, gzipSync(await readFile(plain)));
  await rm(plain);
  await writeFile(join(folder, 'qq.yaml'), SETTINGS);
});
afterAll(() => rm(folder, { recursive: true }));
beforeEach(() => (host = new TestHost(folder)));

/** Forty frames, more than a model takes; what they show tells videos apart. */
function features40(): FeatureSource {
  const read = (id: string) =>
    Promise.resolve(
      floats(
        [40, WIDTH],
        Float32Array.from({ length: 40 * WIDTH }, (_, k) => Number(id.slice(-2)) + k),
      ),
    );
  return { width: WIDTH, size: 1, has: () => true, read, close: () => Promise.resolve() };
}

/** The published layout at toy size. */
const SETTINGS = `
run: { name: qq }
engine: cpu
data: { folder: qq, layout: aiac, trainSplits: [pointwise, pairwise], heldOutSplits: [test_a] }
vocab: { minFrequency: 1 }
text: { fields: [title], budget: 12, limits: { title: 9 }, separatorFirst: true }
frames: { choice: aiac, limit: 4 }
model: { width: 6, layers: 1, heads: 2, maxPositions: 12 }
tasks:
  tag: { weight: 400, count: 9 }
  mlm: { weight: 0.27 }
  mfm: { weight: 0.11, normalize: false, temperature: 1 }
train: { batchSize: 8, epochs: 1, learningRate: 1.0e-2, rules: [] }
finetune: { kind: similarity, splits: [pairwise], batchSize: 8, epochs: 1, learningRate: 1.0e-2, rules: [], width: 4 }
`;

const run = (args: string) => runCommandLine(args.split(' '), host);
const made = (path: string): string => join(folder, 'runs/qq', path);

async function annotated(split: string): Promise<Video[]> {
  const videos: Video[] = [];
  for await (const video of readAnnotations(made(`data/annotations/${split}.json`))) videos.push(video);
  return videos;
}

describe('a folder in the AIAC layout', () => {
  it('is read once: texts, index, and what is packed unpacked', async () => {
    expect(await run('data --config qq.yaml --json')).toBe(0);
    const { summary, made: files } = JSON.parse(host.out) as { summary: unknown; made: { path: string }[] };
    const pointwise = await annotated('pointwise');
    expect(summary).toMatchObject({
      layout: 'aiac',
      width: WIDTH,
      splits: { pointwise: { videos: pointwise.length, frames: 40 * pointwise.length, bad: 0 }, test_a: { tagged: 0 } },
    });
    expect(pointwise[0].tags?.[0]).toMatch(/^1\d{5}$/);
    expect(files.map(({ path }) => path)).toContain(made('data/records/pairwise.index'));
    expect((await readFile(made('data/unpacked/pointwise/pretrain_0.tfrecords'))).length).toBeGreaterThan(1000);
    expect(host.err).toContain('unpacking');
  });

  it('has no pictures: goes from the vocabulary straight to pretraining', async () => {
    expect(await run('vocab --config qq.yaml')).toBe(0);
    expect(host.out).toContain('next     npx wbdc pretrain --config qq.yaml');
    expect(await run('features --config qq.yaml')).toBe(2);
    expect(host.err).toContain('hold frame features and no pictures: go on with npx wbdc pretrain --config qq.yaml');
  });

  it('pretrains on tags of tag_list.txt, masked text and masked frames', async () => {
    expect(await run('pretrain --config qq.yaml')).toBe(0);
    expect(host.out).toContain('1 encoder pass a step: masked (mlm, mfm, tag)');
    const { summary } = JSON.parse(await readFile(made('pretrain/stage.json'), 'utf8')) as { summary: object };
    expect(summary).toMatchObject({ 'encoder passes': 1 });
    const list = await readTagList(join(folder, 'qq/tag_list.txt'));
    expect(await readTagList(made('pretrain/tag_list.txt'))).toEqual(list.slice(0, 9));
    const lines = (await readFile(made('pretrain/metrics.jsonl'), 'utf8')).trim().split('\n');
    // A step has the losses of what it asked: of so few frames one may mask none.
    const metrics = lines.flatMap((line) => Object.entries((JSON.parse(line) as { metrics: object }).metrics));
    expect(metrics.map(([name]) => name)).toEqual(expect.arrayContaining(['tag/loss', 'mlm/loss', 'mfm/loss']));
    for (const [, value] of metrics) expect(Number.isFinite(value)).toBe(true);
    expect(host.err + host.out).not.toContain('NaN');
  });

  it("goes through the splits in turn, the test videos without their tags (QQ's job 5)", async () => {
    const turns = 'train.splits=[pointwise,pairwise,test_a] --set train.order=in-turn --set train.batchSize=4';
    expect(await run(`pretrain --config qq.yaml --name job5 --set run.base=qq --set ${turns}`)).toBe(0);
    const lines = (await readFile(join(folder, 'runs/job5/pretrain/metrics.jsonl'), 'utf8')).trim().split('\n');
    const records = lines.map((line) => JSON.parse(line) as { type: string; metrics: Record<string, number> });
    const losses = records.filter(({ type }) => type === 'step').map(({ metrics }) => metrics);
    const turn = Math.floor((await annotated('test_a')).length / 4); // batches of the last split
    expect(turn).toBeGreaterThan(0);
    const tagged = losses.map((loss) => loss['tag/loss'] > 0);
    expect(tagged.slice(-turn)).toEqual(Array(turn).fill(false));
    expect(tagged.slice(0, -turn).filter(Boolean).length).toBeGreaterThan(losses.length / 2);
    expect(losses.slice(-turn).some((loss) => loss['mfm/loss'] > 0 && loss['mlm/loss'] > 0)).toBe(true);
    expect(await run('pretrain --config qq.yaml --name x --set run.base=qq --set train.splits=[other]')).toBe(1);
    expect(host.err).toContain('train.splits: expected some of data.trainSplits and data.heldOutSplits');
  });

  it('finetunes on label.tsv and embeds the held-out videos', async () => {
    expect(await run('finetune --config qq.yaml')).toBe(0);
    expect(host.out).toMatch(/pairs? to learn from/);
    const ids = (await annotated('test_a')).map(({ id }) => id);
    const rows = await readEmbeddings(await readFile(made('finetune/result.zip')), new Set(ids));
    expect(rows.size).toBe(ids.length);
  });

  it('is not measured by what was predicted of records that changed since', async () => {
    const named = 'evaluate runs/qq --truth test_a --samples 100 --data qq';
    expect(await run(named)).toBe(0);
    const [path] = (await readdir(join(folder, 'qq/test_a'))).filter((name) => name.includes('.tfrecord'));
    const before = await readFile(join(folder, 'qq/test_a', path));
    const after = Buffer.from(before);
    after[after.length - 1] ^= 1;
    await writeFile(join(folder, 'qq/test_a', path), after);
    const filed = 'evaluate runs/qq --truth qq/test_a/label.tsv';
    for (const args of [named, filed, 'ensemble runs/qq --pairs qq/test_a/label.tsv --out joined']) {
      host = new TestHost(folder);
      expect(await run(args)).toBe(1);
      expect(host.err).toMatch(
        /expected predictions of test_a as it is, got records changed since \S+ \(records of test_a\)/,
      );
    }
    await writeFile(join(folder, 'qq/test_a', path), before);
    expect(await run(filed)).toBe(0);
  });

  it('is measured beside the texts and frames of its records, by the run or its data stage', async () => {
    const pairs = '--pairs qq/test_a/label.tsv --out joined';
    const file = `${made('finetune/result.zip')} --data ${made('data')}`;
    for (const args of ['evaluate runs/qq --truth test_a', `ensemble runs/qq ${pairs}`, `ensemble ${file} ${pairs}`]) {
      host = new TestHost(folder);
      expect(await run(args)).toBe(0);
      expect(host.out).toMatch(/without a model:\ncharacters in common, titles +-?\d/);
      expect(host.out).toMatch(/^frame features +-?\d/m);
      expect(host.err).not.toContain('no baselines');
    }
  });

  it('refuses a split that is not there, a file that is cut off, and a missing folder', async () => {
    expect(await run('data --config qq.yaml --name a --set data.heldOutSplits=[test_b]')).toBe(1);
    expect(host.err).toContain(`the split 'test_b' in ${join(folder, 'qq/test_b')}, but there is no such folder`);
    await truncate(join(folder, 'qq/pairwise/pairwise.tfrecords'), 5000);
    expect(await run('data --config qq.yaml --name b')).toBe(1);
    expect(host.err).toMatch(/pairwise\.tfrecords: record \d+: expected \d+ bytes, got \d+: the file is cut off/);
    expect(await run('data --config qq.yaml --set data.folder=null')).toBe(1);
    expect(host.err).toContain('data.folder: expected the folder of the data in the AIAC layout');
  });
});
