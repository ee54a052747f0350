import { cp, mkdir, mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readAnnotations, wbdcLayout, writeAnnotations, writeFrameZip, type Video } from '@wbdc/data';
import sharp from 'sharp';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { finetuneStage } from '../src/commands/finetune.js';
import { pretrainStage } from '../src/commands/pretrain.js';
import { loadConfig } from '../src/config/load.js';
import { runCommandLine } from '../src/program.js';
import { TestHost } from './host.js';

const CONFIG = `
engine: cpu
data: { folder: my, trainSplits: [labeled] }
vocab: { minFrequency: 1 }
text: { budget: 12 }
model: { width: 4, layers: 1, heads: 1, maxPositions: 16 }
tasks: { tag: null, mfm: null }
clip:
  vision: { imageSize: 16, patchSize: 8, width: 4, layers: 1, heads: 1 }
  text: { width: 4, layers: 1, heads: 1 }
  batchSize: 2
  epochs: 1
train: { batchSize: 4, epochs: 1 }
finetune: { batchSize: 4, epochs: 2, learningRate: 0.05, rules: [] }
`;
const STAGES = ['data', 'vocab', 'clip', 'features', 'pretrain', 'finetune'];

/** A run that is complete, to be copied. */
let made: string;
let folder: string;

beforeAll(async () => {
  made = await mkdtemp(join(tmpdir(), 'wbdc-made-'));
  await writeFile(join(made, 'my.yaml'), CONFIG);
  await write('labeled', videosOf('1', 8), made);
  await write('test_a', videosOf('2', 4), made);
  const { code, err } = await runIn(made, 'run finetune');
  expect(err).toBe('');
  expect(code).toBe(0);
}, 240_000);
afterAll(() => rm(made, { recursive: true }));
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'wbdc-changed-'));
  await cp(made, folder, { recursive: true, preserveTimestamps: true });
  return () => rm(folder, { recursive: true });
});

function videosOf(first: string, count: number): Video[] {
  return Array.from({ length: count }, (_, i) => {
    const id = `${first}${String(i).padStart(18, '0')}`;
    return { id, title: i % 2 === 0 ? '黑猫' : '白狗', asr: '', ocr: [], categoryId: i % 2 === 0 ? '0101' : '0202' };
  });
}

async function write(split: string, videos: readonly Video[], root: string): Promise<void> {
  const layout = wbdcLayout(join(root, 'my'));
  if (!existsSync(layout.annotations(split))) {
    for (const [i, { id }] of videos.entries()) await frames(layout.frameZip(split, id), 30 * i);
    await mkdir(join(root, 'my/annotations'), { recursive: true });
  }
  await writeAnnotations(layout.annotations(split), videos);
}

async function frames(path: string, shade: number): Promise<void> {
  const create = { width: 16, height: 16, channels: 3 as const, background: { r: shade, g: 90, b: 20 } };
  await writeFrameZip(path, [{ name: '0.jpg', bytes: await sharp({ create }).jpeg().toBuffer() }]);
}

async function runIn(where: string, args: string): Promise<{ code: number; out: string; err: string }> {
  const host = new TestHost(where);
  const code = await runCommandLine([...args.split(' '), '--config', 'my.yaml'], host);
  return { code, out: host.out, err: host.err.replace(/^[\s\S]*?(?=error:|$)/, '') };
}
const run = (args: string) => runIn(folder, args);

/** Changes the videos of the labelled split. */
async function edit(change: (videos: Video[]) => Video[]): Promise<void> {
  const videos: Video[] = [];
  for await (const video of readAnnotations(wbdcLayout(join(folder, 'my')).annotations('labeled'))) videos.push(video);
  await writeAnnotations(wbdcLayout(join(folder, 'my')).annotations('labeled'), change(videos));
}
const swapLabels = (videos: Video[]): Video[] =>
  videos.map((video) => ({ ...video, categoryId: video.categoryId === '0101' ? '0202' : '0101' }));
const redone = async (): Promise<string[]> => {
  const names = await readdir(join(folder, 'runs/run'));
  return STAGES.filter((stage) => names.includes(`${stage}.old-1`));
};
const result = async (where: string): Promise<string> => readFile(join(where, 'runs/run/finetune/result.csv'), 'utf8');

describe('data that did not change', () => {
  it('leaves every stage done, also after a touch and a copy elsewhere', async () => {
    const touched = new Date(1e12);
    await utimes(wbdcLayout(join(folder, 'my')).annotations('labeled'), touched, touched);
    await edit((videos) => videos);
    const { code, out, err } = await run('run finetune');
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out.match(/already done/g)).toHaveLength(STAGES.length);
    expect(out.match(/^next /gm)).toBeNull();
    expect((await run('run clip')).out.match(/^next .*/gm)).toEqual(['next     npx wbdc features --config my.yaml']);
  });
});

describe('corrected labels', () => {
  beforeEach(() => edit(swapLabels));

  it.each([
    'run finetune',
    'data',
    'finetune',
    'vocab',
    'finetune --overwrite',
    'features --overwrite',
    'data --resume',
  ])('are told, and nothing is made of them: %s', async (args) => {
    const { code, err } = await run(args);
    expect(code).toBe(1);
    expect(err).toMatch(/labels changed since 20\d\d-\S+Z \(labels of labeled\)/);
    expect(err).toMatch(/rerun from data with 'npx wbdc \S+/);
    expect(await redone()).toEqual([]);
  });

  it('are learned by what depends on them, as in a run of their own', async () => {
    const { code, err } = await run('run finetune --overwrite');
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(await redone()).toEqual(['data', 'finetune']);
    const again = await run('run finetune');
    expect(again.out.match(/already done/g)).toHaveLength(STAGES.length);
    expect((await run('run finetune --name own')).code).toBe(0);
    const own = await readFile(join(folder, 'runs/own/finetune/probabilities.jsonl'), 'utf8');
    expect(await readFile(join(folder, 'runs/run/finetune/probabilities.jsonl'), 'utf8')).toBe(own);
    expect(own).not.toBe(await readFile(join(made, 'runs/run/finetune/probabilities.jsonl'), 'utf8'));
  });

  it('do not meet the old finetuning when only the data are read again', async () => {
    expect((await run('data --overwrite')).code).toBe(0);
    const { code, err } = await run('finetune');
    expect(code).toBe(1);
    expect(err).toContain('finetune was made from something else than there is now:\n  labels changed since 20');
  });
});

describe('other changes', () => {
  it('of a title concern all that is made from it', async () => {
    await edit((videos) => videos.map((video, i) => (i === 0 ? { ...video, title: '灰猫' } : video)));
    expect((await run('run finetune')).err).toContain('texts changed since');
    expect((await run('run finetune')).err).toContain('texts changed since'); // however often one asks
    expect((await run('run finetune --overwrite')).code).toBe(0);
    // clip reads titles, and features are made by it
    expect(await redone()).toEqual(STAGES);
  });

  it('of a video that was replaced, with the same size and time, are seen', async () => {
    const path = wbdcLayout(join(folder, 'my')).frameZip('labeled', videosOf('1', 8)[3].id);
    await frames(path, 200);
    const { code, err } = await run('finetune --overwrite');
    expect(code).toBe(1);
    expect(err).toContain('frames changed since');
    expect((await run('data --overwrite')).code).toBe(0);
    // The data are right now, and the features are still the old ones.
    const later = await run('finetune --overwrite');
    expect(later.code).toBe(1);
    expect(later.err).toMatch(/runs\/run\/clip: frames changed since .*rerun from clip/);
    expect(await result(folder)).toBe(await result(made));
  });

  it('of added videos concern all', async () => {
    const [video] = videosOf('3', 1);
    await frames(wbdcLayout(join(folder, 'my')).frameZip('labeled', video.id), 99);
    await edit((videos) => [...videos, video]);
    expect((await run('pretrain')).err).toContain('videos, texts, labels, tags, frames changed since');
  });

  it('of which videos belong together concern the finetuning, which divides them', async () => {
    await edit((videos) => videos.map((video, i) => ({ ...video, ...(i < 2 && { group: 'one author' }) })));
    expect((await run('run finetune')).err).toContain('groups changed since');
    expect((await run('run finetune --overwrite')).code).toBe(0);
    expect(await redone()).toEqual(['data', 'finetune']);
  });

  it('of tags, and of every file that a setting names, concern what reads them', async () => {
    const config = await loadConfig({
      folder,
      set: [
        'finetune.kind=tags',
        'finetune.init=none',
        'model.init=bert',
        'model.videoInit=vit',
        'model.kind=lxmert-model',
      ],
    });
    expect(finetuneStage.reads?.(config)).toContainEqual({ kind: 'tags', split: 'labeled' });
    for (const stage of [pretrainStage, finetuneStage])
      expect(stage.files?.(config)).toMatchObject({ 'model.init': 'bert', 'model.videoInit': 'vit' });
  });

  it('of what a stage has made are told by those that read it', async () => {
    await writeFile(join(folder, 'runs/run/vocab/vocab.txt'), '[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n黑\n');
    const { code, err } = await run('finetune --overwrite');
    expect(code).toBe(1);
    expect(err).toMatch(/runs\/run\/vocab: vocab\.txt changed since .*: rerun from vocab with/);
  });
});
