import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { flatten, randomKey } from '@wbdc/nn';
import { wbdcLayout, openFeatureStore, writeAnnotations, writeFrameZip, type Video } from '@wbdc/data';
import { clip } from '@wbdc/pretrain-tasks/clip';
import { SPECIAL_TOKENS, Tokenizer } from '@wbdc/tokenizer';
import { loadTokenizer, saveTokenizer } from '@wbdc/tokenizer/node';
import { saveStepCheckpoint } from '@wbdc/train/node';
import sharp from 'sharp';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Output } from '../../src/core/output.js';
import { RunFolder } from '../../src/run/run-folder.js';
import type { StageContext } from '../../src/run/stage.js';
import { stageContext } from '../stage-context.js';
import { runDataStage } from '../../src/stages/data.js';
import { runFeaturesStage } from '../../src/stages/features.js';
import { SAVED_MODEL_VERSION, textReader } from '@wbdc/pipeline';
import { runVocabStage } from '../../src/stages/vocab.js';

let folder: string;
let said: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'wbdc-stage-'));
  said = '';
});
afterEach(() => rm(folder, { recursive: true }));

const TOWER = { imageSize: 16, patchSize: 8, width: 6, layers: 1, heads: 2 };
const SETTINGS = [
  'data.folder=data',
  'data.trainSplits=[unlabeled]',
  'vocab.minFrequency=1',
  `clip.vision=${JSON.stringify(TOWER)}`,
  'features.batchSize=5',
];

function context(
  stage: string,
  { set = [], ...own }: Partial<StageContext> & { set?: string[] } = {},
): Promise<StageContext> {
  const run = new RunFolder(join(folder, 'run'), 'run');
  const write = (text: string): void => void (said += text);
  return stageContext({ folder, run, stage, set: [...SETTINGS, ...set], write }, own);
}

const ids = ['1000000000000000001', '1000000000000000002', '1000000000000000003'];
const video = (id: string, title: string): Video => ({ id, title, asr: '猫叫', ocr: [{ time: 0, text: 'cat' }] });

/** Three videos of 1, 2 and 3 frames to learn from, one to measure on. */
async function writeData(): Promise<void> {
  const root = join(folder, 'data');
  await mkdir(join(root, 'annotations'), { recursive: true });
  await writeAnnotations(
    join(root, 'annotations', 'unlabeled.json'),
    ids.map((id) => video(id, '黑猫 cat')),
  );
  await writeAnnotations(join(root, 'annotations', 'test_a.json'), [video('2000000000000000001', '狗')]);
  for (const [i, id] of ids.entries()) await writeFrames(wbdcLayout(root).frameZip('unlabeled', id), i + 1);
  await writeFrames(wbdcLayout(root).frameZip('test_a', '2000000000000000001'), 2);
}

async function writeFrames(path: string, count: number): Promise<void> {
  const frames = Array.from({ length: count }, async (_, i) => {
    const create = { width: 20, height: 18, channels: 3 as const, background: { r: 40 * i, g: 90, b: 200 } };
    return { name: `${i}.jpg`, bytes: await sharp({ create }).jpeg().toBuffer() };
  });
  await writeFrameZip(path, await Promise.all(frames));
}

/** What the clip stage would leave: fresh weights. */
async function writeTower(): Promise<void> {
  const text = {
    vocabSize: 7,
    hiddenSize: 6,
    layers: 1,
    heads: 2,
    intermediateSize: 24,
    maxPositions: 8,
    segments: 1,
    dropout: 0,
  };
  const vision = { ...TOWER, intermediateSize: 24 };
  const params = clip({ vision, text }).init(randomKey(5));
  for (const { leaf } of flatten(params)) expect(leaf.size).toBeGreaterThan(0);
  const config = { kind: 'clip', version: SAVED_MODEL_VERSION, temperature: 'learned', normalize: true, vision, text };
  const content = { params, config, state: { step: 3, seed: 1 } };
  await saveStepCheckpoint(join(folder, 'run', 'clip', 'checkpoints'), content);
}

describe('data, with a folder of the user', () => {
  it('counts videos of every split and those without frames', async () => {
    await writeData();
    await rm(wbdcLayout(join(folder, 'data')).frameZip('unlabeled', ids[1]));
    const { summary, read } = await runDataStage(await context('data'));
    expect(summary).toEqual({
      videos: 4,
      splits: {
        unlabeled: { videos: 3, bad: 0, withoutFrames: 1 },
        test_a: { videos: 1, bad: 0, withoutFrames: 0 },
      },
    });
    expect(read[0].about).toBe('3 videos, 0 bad, 1 without frames');
  });

  it('counts a video that stands twice as bad, and says where', async () => {
    await writeData();
    const path = join(folder, 'data/annotations/test_a.json');
    await writeAnnotations(path, [video('2000000000000000001', '狗'), video(ids[0], '猫')]);
    await expect(runDataStage(await context('data'))).rejects.toThrow(
      `test_a.json: expected every id once, got video ${ids[0]} again, after unlabeled`,
    );
    const { summary } = await runDataStage(await context('data', { set: ['data.maxBadShare=0.5'] }));
    expect(summary).toMatchObject({ videos: 4, splits: { test_a: { videos: 1, bad: 1 } } });
    expect(said).toContain('warning: test_a: 1 record to be skipped');
  });

  it('names the file that is missing', async () => {
    await expect(runDataStage(await context('data'))).rejects.toThrow(
      `expected the annotations of the split 'unlabeled' at ${join(folder, 'data/annotations/unlabeled.json')}, ` +
        `but there is no such file`,
    );
  });

  it('skips bad records up to the threshold', async () => {
    await writeData();
    const path = join(folder, 'data/annotations/unlabeled.json');
    await writeFile(path, (await readFile(path, 'utf8')).replace('"title":"黑猫 cat"', '"title":7'));
    await expect(runDataStage(await context('data'))).rejects.toThrow(
      /field title: expected a string, got the number 7/,
    );
    const { summary } = await runDataStage(await context('data', { set: ['data.maxBadShare=0.5'] }));
    expect(summary).toMatchObject({ splits: { unlabeled: { videos: 2, bad: 1 } } });
  });
});

describe('vocab', () => {
  it('trains on all text of the training splits and shows samples', async () => {
    await writeData();
    const vocab = await context('vocab');
    const { summary } = await runVocabStage(vocab);
    const tokenizer = await loadTokenizer(vocab.folder);
    expect(summary).toMatchObject({ vocabSize: tokenizer.vocabSize, texts: 9, coverage: '100.00 % (0 unknown)' });
    expect(tokenizer.vocab).toEqual(expect.arrayContaining(['黑', '猫', '叫', 'cat']));
    expect(tokenizer.vocab).not.toContain('狗'); // held out
    expect(said).toContain('黑猫 cat  ->  黑 猫 cat');
  });
});

describe('dirty texts', () => {
  const dirty: Video = {
    ...video(ids[0], '看 http://a.cn/x 哈哈哈哈哈哈'),
    ocr: [
      { time: 1, text: '字幕' },
      { time: 0, text: '字幕' },
      { time: 2, text: 'ＡＢ' },
    ],
  };
  const read = async (...set: string[]) => textReader((await context('x', { set })).config.text)(dirty);

  it('are read as they are, or cleaned as the configuration says', async () => {
    expect(await read()).toMatchObject({ title: dirty.title, ocr: '字幕 字幕 ＡＢ' });
    expect(await read('text.cleaning={}')).toMatchObject({ title: '看 哈哈哈', ocr: '字幕 AB' });
    expect(
      await read('text.cleaning={unicode: keep, dropLinks: false, maxRun: 2, dropRepeatedOcr: false}'),
    ).toMatchObject({ title: '看 http://a.cn/x 哈哈', ocr: '字幕 字幕 ＡＢ' });
  });

  it('are cleaned for the vocabulary too', async () => {
    await writeData();
    await writeAnnotations(join(folder, 'data/annotations/unlabeled.json'), [dirty]);
    const words = async (...set: string[]) => {
      const vocab = await context('vocab', { set });
      await runVocabStage(vocab);
      return (await loadTokenizer(vocab.folder)).vocab;
    };
    expect(await words()).toEqual(expect.arrayContaining(['http', '哈']));
    const cleaned = await words('text.cleaning={}');
    expect(cleaned).toContain('哈');
    expect(cleaned).not.toContain('http');
  });
});

it('a published vocabulary whose files contradict each other is told', async () => {
  await writeData();
  const published = join(folder, 'published');
  await saveTokenizer(Tokenizer.fromVocab([...SPECIAL_TOKENS, '哈', 'a']), published);
  await writeFile(join(published, 'tokenizer_config.json'), '{"do_lower_case": false}');
  await runVocabStage(await context('vocab', { set: ['vocab.folder=published'] }));
  expect(said).toContain('tokenizer.json says lowercase true, tokenizer_config.json do_lower_case false');
});

describe('features', () => {
  it('stores the features of every split with their recipe', async () => {
    await writeData();
    await writeTower();
    const features = await context('features');
    const { status, summary } = await runFeaturesStage(features);
    expect({ status, summary }).toEqual({
      status: 'complete',
      summary: { width: 6, splits: { unlabeled: { videos: 3, skipped: 0 }, test_a: { videos: 1, skipped: 0 } } },
    });
    const store = await openFeatureStore(join(features.folder, 'unlabeled.zip'));
    const shapes = await Promise.all(ids.map(async (id) => (await store.read(id)).shape));
    await store.close();
    expect(shapes).toEqual([
      [1, 6],
      [2, 6],
      [3, 6],
    ]);
    expect(store.recipe).toMatchObject({ tower: TOWER, sampling: { kind: 'all' } });
  });

  it('goes on where it was interrupted, to the same bytes', async () => {
    await writeData();
    await writeTower();
    const controller = new AbortController();
    const now = (): number => (controller.abort(), 0); // the progress display asks for the time after the first video
    const interrupted = await context('features', { signal: controller.signal, set: ['features.batchSize=1'] });
    const terminal = { ...interrupted.output.terminal, now };
    const first = await runFeaturesStage({ ...interrupted, output: new Output(terminal, {}) });
    expect(first.status).toBe('interrupted');
    const resumed = await context('features', { resume: true });
    expect((await runFeaturesStage(resumed)).summary).toMatchObject({
      splits: { unlabeled: { videos: 3, skipped: 0 } },
    });
    const whole = await context('whole');
    await runFeaturesStage(whole);
    for (const name of ['unlabeled.zip', 'test_a.zip']) {
      expect(await readFile(join(resumed.folder, name))).toEqual(await readFile(join(whole.folder, name)));
    }
  });

  it('skips broken videos up to the threshold and loses nothing above it', async () => {
    await writeData();
    await writeTower();
    await writeFile(wbdcLayout(join(folder, 'data')).frameZip('unlabeled', ids[1]), 'no zip');
    await expect(runFeaturesStage(await context('features'))).rejects.toThrow(/at most 0\.1 % bad videos, got 1 of 3/);
    const resumed = await context('features', { resume: true, set: ['data.maxBadShare=0.4'] });
    expect((await runFeaturesStage(resumed)).summary).toMatchObject({
      splits: { unlabeled: { videos: 2, skipped: 1 } },
    });
  });
});
