import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { readAnnotations, writeAnnotations, type Video } from '@wbdc/data';
import { openSafetensors } from '@wbdc/checkpoints/node';
import { Tokenizer, trainVocabulary } from '@wbdc/tokenizer';
import { saveTokenizer } from '@wbdc/tokenizer/node';
import { loadClipVision } from '@wbdc/clip-model/node';
import { openTrained } from '@wbdc/pipeline';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RunFolder } from '../../src/run/run-folder.js';
import type { StageContext } from '../../src/run/stage.js';
import { stageContext } from '../stage-context.js';
import { runFeaturesStage } from '../../src/stages/features.js';
import { runFinetuneStage } from '../../src/stages/finetune/finetune.js';
import { makeWorld, type World } from '../features/world.js';
import { linesOf } from './world.js';

const TOWER = { imageSize: 16, patchSize: 8, width: 6, layers: 2, heads: 2, intermediateSize: 24 };
const CATEGORIES = ['0100', '0101', '0203'];

let world: World;
let run: RunFolder;
beforeAll(async () => {
  await tf.setBackend('cpu');
  world = await makeWorld({ videos: { labeled: 9, test_a: 5 }, frames: (i) => 1 + (i % 4), tower: TOWER });
  run = new RunFolder(join(world.folder, 'run'), 'run');
  await label('labeled');
  await label('test_a');
  await saveTokenizer(
    Tokenizer.fromVocab(trainVocabulary(['视频 0 1 2'], { size: 40, minFrequency: 1 })),
    run.folderOf('vocab'),
  );
  await mkdir(run.folderOf('features'), { recursive: true });
  await runFeaturesStage(await context('features'));
});
afterAll(() => rm(world.folder, { recursive: true }));

/** Gives the videos of a split categories. */
async function label(split: string): Promise<void> {
  const path = join(world.folder, `my/annotations/${split}.json`);
  const videos: Video[] = [];
  for await (const video of readAnnotations(path)) videos.push({ ...video, categoryId: CATEGORIES[videos.length % 3] });
  await rm(path);
  await writeAnnotations(path, videos);
}

const SETTINGS = [
  'data={folder: my, trainSplits: [labeled], heldOutSplits: [test_a]}',
  'features.tower=tower',
  'features.decodeThreads=1',
  'model={width: 6, layers: 1, heads: 2, maxPositions: 32}',
  'frames.limit=3',
  'text.budget=24',
  'finetune={init: none, batchSize: 3, epochs: 1, learningRate: 0.01, rules: [], dropout: 0}',
];

const context = (
  stage: string,
  set: readonly string[] = [],
  own: Partial<StageContext> = {},
  write: (text: string) => void = () => undefined,
): Promise<StageContext> => stageContext({ folder: world.folder, run, stage, set: [...SETTINGS, ...set], write }, own);

interface Predicted {
  readonly id: string;
  readonly probabilities: number[];
}

async function train(name: string, ...set: string[]) {
  let said = '';
  const stage = await context(name, set, {}, (text) => void (said += text));
  const { status } = await runFinetuneStage(stage);
  const text = await readFile(join(stage.folder, 'probabilities.jsonl'), 'utf8');
  return { stage, status, said, rows: linesOf<Predicted>(text) };
}

async function patchOf(folder: string): Promise<number[]> {
  const { params } = await loadClipVision(folder);
  return [...params.patch.dataSync()];
}

describe.each(['uni-model', 'lxmert-model'])('%s with its vision tower, from frames', (kind) => {
  const own = [`model.kind=${kind}`, 'model.dropout=0'];
  const frozen = ['finetune.vision={}', 'finetune.freeze=["encoder.vision.**"]'];

  it('with the tower frozen gives what stored features give', async () => {
    const stored = await train(`${kind}-stored`, ...own, 'frames.choice=even');
    const pixels = await train(`${kind}-frozen`, ...own, 'frames.choice=even', ...frozen);
    expect(pixels.rows.map(({ id }) => id)).toEqual(world.ids['test_a']);
    const apart = (a: readonly Predicted[], b: readonly Predicted[]): number =>
      Math.max(
        ...a.flatMap(({ probabilities }, i) => probabilities.map((p, c) => Math.abs(p - b[i].probabilities[c]))),
      );
    const other = await train(`${kind}-other`, ...own, 'frames.choice=even', ...frozen, 'features.tower=other-tower');
    expect(pixels.said).toContain('no baseline of frame features: the tower is trained too, pixels are read');
    expect(stored.said).not.toContain('no baseline of frame features');
    expect(apart(pixels.rows, stored.rows)).toBeLessThan(1e-4); // stored features are rounded to float16
    expect(apart(other.rows, stored.rows)).toBeGreaterThan(1e-3);
    const before = await patchOf(join(world.folder, 'tower'));
    expect(await patchOf(join(pixels.stage.folder, 'tower'))).toEqual(before);
  });

  it('trains the tower at its own rate', async () => {
    const before = await patchOf(join(world.folder, 'tower'));
    const moved = async (rate: number): Promise<number> => {
      const { stage } = await train(`${kind}-${rate}`, ...own, `finetune.vision={learningRate: ${rate}}`);
      const after = await patchOf(join(stage.folder, 'tower'));
      return Math.max(...after.map((value, i) => Math.abs(value - before[i])));
    };
    const [slow, fast] = [await moved(1e-4), await moved(1e-2)];
    expect(slow).toBeGreaterThan(0);
    expect(fast).toBeGreaterThan(20 * slow);
  });

  it('serves new videos with the tower it was trained with', async () => {
    const { stage, rows } = await train(`${kind}-served`, ...own, 'finetune.vision={learningRate: 0.01, frames: 2}');
    await using model = await openTrained(join(stage.folder, 'model'));
    expect(model.saved).toMatchObject({ vision: { frames: 2 } });
    const videos = world.ids['test_a'].map((id) => ({
      id,
      video: join(world.folder, `my/zip_frames/test_a/${id.slice(-3)}/${id}.zip`),
      title: `视频 ${id}`,
    }));
    let i = 0;
    for await (const { categories } of model.classify(videos)) {
      for (const { category, probability } of categories) {
        expect(probability).toBeCloseTo(rows[i].probabilities[model.classes.indexOf(category)], 4);
      }
      i++;
    }
    expect(i).toBe(5);
  });
});

describe('the tower', () => {
  it('goes on to the last bit, with all gradients and averages', async () => {
    const set = [
      'finetune.vision={learningRate: 0.01}',
      'finetune.adversarial.kind=fgm',
      'finetune.ema=0.5',
      'finetune.checkpointEvery=1',
    ];
    const whole = await train('cut-whole', ...set);
    const controller = new AbortController();
    const stage = await context('cut', set, { signal: controller.signal });
    stage.output.say = (line = '') => void (line.startsWith('training') && setTimeout(() => controller.abort(), 0));
    const first = await runFinetuneStage(stage);
    expect(first.status).toBe('interrupted');
    const again = await context('cut', set, { resume: true });
    expect((await runFinetuneStage(again)).status).toBe('complete');
    const bytes = (folder: string) => readFile(join(folder, 'model/model.safetensors'));
    expect(await bytes(again.folder)).toEqual(await bytes(whole.stage.folder));
    const file = await openSafetensors(join(again.folder, 'model/model.safetensors'));
    // It is in a folder of its own.
    expect([...file.tensors.keys()].some((name) => name.startsWith('encoder.vision'))).toBe(false);
    await file.close();
  });

  it('names frames that cannot be read', async () => {
    const id = world.ids['labeled'][2];
    const zip = join(world.folder, `my/zip_frames/labeled/${id.slice(-3)}/${id}.zip`);
    const bytes = await readFile(zip);
    await writeFile(zip, 'no zip');
    try {
      await expect(train('broken', 'finetune.vision={}')).rejects.toThrow(
        /at most 0\.1 % bad videos, got 1 of 10[^]*expected a zip/,
      );
    } finally {
      await writeFile(zip, bytes);
    }
  });

  it('needs frames', async () => {
    await expect(context('x', ['data.layout=aiac', 'finetune.vision={}'])).rejects.toThrow(
      'the records of the AIAC layout hold frame features and no pictures',
    );
    await expect(context('x', ['finetune.vision={frames: 9}'])).rejects.toThrow(
      'expected at most frames.limit (3), got 9',
    );
  });
});
