import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeAnnotations } from '@wbdc/data';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { evaluateModels } from '../../src/evaluate/index.js';
import { dataOf } from '../../src/evaluate/run-of.js';
import type { TrainedInput, TrainedModel } from '../../src/index.node.js';
import { calibrationInputs } from '../../src/node.js';

const IDS = ['10000', '10001', '10002'];
const CLASSES = ['0100', '0203'];
let root: string;
let run: string;

/** A run without predictions whose features were computed from frames on a server. */
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'wbdc-remote-frames-'));
  run = join(root, 'run');
  for (const folder of ['data/annotations', 'run/features', 'run/finetune']) {
    await mkdir(join(root, folder), { recursive: true });
  }
  const videos = IDS.map((id) => ({ id, title: '猫', asr: '', ocr: [] }));
  await writeAnnotations(join(root, 'data/annotations/test_a.json'), videos);
  const truth = IDS.map((id, i) => `${id},${CLASSES[i % 2]}\n`).join('');
  await writeFile(join(root, 'data/annotations/test_a_truth.csv'), truth);
  const features = { settings: { data: { frames: 's3://bucket/videos' } } };
  await writeFile(join(run, 'features/stage.json'), JSON.stringify(features));
  const finetune = { read: { data: '../../data', features: '../features' } };
  await writeFile(join(run, 'finetune/stage.json'), JSON.stringify(finetune));
});
afterAll(() => rm(root, { recursive: true }));

const addresses = IDS.map(
  (id) => expect.stringMatching(`^s3://bucket/videos/zip_frames/test_a/.*${id}\\.zip$`) as string,
);

it('evaluation has a model read them', async () => {
  const seen: TrainedInput[] = [];
  const model = {
    saved: { kind: 'category', features: null },
    classes: CLASSES,
    where: run,
    async *classify(inputs: AsyncIterable<TrainedInput>) {
      for await (const input of inputs) {
        seen.push(input);
        yield { id: input.id, categories: CLASSES.map((category) => ({ category, probability: 0.5 })) };
      }
    },
    close: () => Promise.resolve(),
  };
  const openModel = () => Promise.resolve(model as unknown as TrainedModel);
  const result = await evaluateModels({ models: [run], truth: 'test_a', samples: 100, openModel });
  expect(result.truth).toMatchObject({ measured: 3, unpredicted: 0 });
  expect(seen.map((input) => 'video' in input && input.video)).toEqual(addresses);
});

it('calibration takes them', async () => {
  const inputs: TrainedInput[] = [];
  for await (const input of calibrationInputs({ model: run, split: 'test_a' })) inputs.push(input);
  expect(inputs.map((input) => 'video' in input && input.video)).toEqual(addresses);
});

it('a data set that brings frames of its own has those read', async () => {
  const mine = join(root, 'mine');
  expect((await dataOf(run, mine)).frames).toBe('s3://bucket/videos');
  await mkdir(join(mine, 'zip_frames'), { recursive: true });
  expect((await dataOf(run, mine)).frames).toBeUndefined();
});
