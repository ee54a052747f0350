import { join } from 'node:path';
import { openSafetensors } from '@wbdc/checkpoints/node';
import { writeAnnotations, type Video } from '@wbdc/data';
import { findModel } from '@wbdc/pipeline/node';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { textStage } from '../../src/commands/text.js';
import { finetuneStage } from '../../src/commands/finetune.js';
import { pretrainStage } from '../../src/commands/pretrain.js';
import { runFinetuneStage } from '../../src/stages/finetune/finetune.js';
import { runPretrainStage } from '../../src/stages/pretrain.js';
import { runTextStage } from '../../src/stages/text.js';
import { distance } from '../../../../tools/testing.js';
import { makeWorld, type World } from '../finetune/world.js';

let world: World;
beforeAll(async () => {
  world = await makeWorld();
  const record = (i: number): Video => ({
    id: `7${100 + i}`,
    title: ['cat', 'dog', 'bus'][i % 3],
    asr: 'dog cat bus',
    ocr: [],
  });
  const write = (split: string, from: number, to: number) =>
    writeAnnotations(
      join(world.folder, `data/annotations/${split}.json`),
      Array.from({ length: to - from }, (_, i) => record(from + i)),
    );
  await write('corpus', 0, 20);
  await write('corpus_test', 20, 24);
});
afterAll(() => world.remove());

const CORPUS =
  'corpus={tasks: {mlm: {wholeWord: false, probability: 0.5}, ftc: {}}, ' +
  'train: {batchSize: 5, epochs: 2, learningRate: 0.05, rules: []}}';
const STILL = 'train={batchSize: 8, epochs: 1, learningRate: 1.0e-9, rules: []}';
const TASKS = 'tasks={mlm: {}, mfm: {}, tag: null}';

async function weightsOf(folder: string): Promise<(name: string) => Promise<Float32Array>> {
  const file = await openSafetensors(join(await findModel(folder), 'model.safetensors'));
  return async (name) => Float32Array.from((await file.read(name)).data as Float32Array);
}

it('reads texts without frames, and both models start from what they taught', async () => {
  const text = await world.context('text', [CORPUS]);
  const { status, summary, read } = await runTextStage(text);
  expect([status, summary['step']]).toEqual(['complete', 8]); // 20 texts by 5, twice
  expect(read.map(({ about }) => about)).toEqual(['20 videos', '4 videos']);
  expect(Object.keys(summary['measured'] as object)).toEqual(
    expect.arrayContaining(['mlm/accuracy', 'ftc/title to rest']),
  );
  const taught = await weightsOf(text.folder);
  const kinds = [
    'model.kind=uni-model',
    'model={kind: lxmert-model, width: 6, layers: 1, heads: 2, maxPositions: 16, videoLayers: 1, crossLayers: 1}',
  ];
  for (const [i, kind] of kinds.entries()) {
    const upstream = (stage: string): string => (stage === 'text' ? text.folder : world.run.folderOf(stage as 'vocab'));
    const run = async (stage: string, corpus: readonly string[]) => {
      const context = await world.context(stage, [kind, TASKS, STILL, ...corpus], { upstream });
      await runPretrainStage(context);
      return weightsOf(context.folder);
    };
    const [after, fresh] = [await run(`pretrain-${i}`, [CORPUS]), await run(`fresh-${i}`, [])];
    for (const name of ['encoder.bert.embeddings.word', 'heads.mlm.transform.weight', 'heads.mlm.bias']) {
      expect(distance(await after(name), await taught(name)), name).toBeLessThan(1e-6);
      expect(distance(await fresh(name), await taught(name)), name).toBeGreaterThan(1e-3);
    }
  }
  expect(world.said.join('')).toContain('going on from the text side of');
  const still = ['finetune={init: text, kind: category, epochs: 1, batchSize: 8, learningRate: 1.0e-9, rules: []}'];
  for (const [i, kind] of kinds.entries()) {
    const upstream = (stage: string): string => (stage === 'text' ? text.folder : world.run.folderOf(stage as 'vocab'));
    const context = await world.context(`finetune-${i}`, [kind, CORPUS, ...still], { upstream });
    await runFinetuneStage(context);
    const finetuned = await weightsOf(context.folder);
    const word = 'encoder.bert.embeddings.word';
    expect(distance(await finetuned(word), await taught(word))).toBeLessThan(1e-6);
  }
  expect(world.said.join('')).toContain('the text side starts from');
});

it('reads a share of the corpus', async () => {
  const context = await world.context('text-share', [CORPUS, 'corpus.train.share=0.5']);
  expect((await runTextStage(context)).summary['step']).toBe(4); // 10 texts by 5, twice
  expect(textStage.settings(context.config)).not.toEqual(
    textStage.settings((await world.context('x', [CORPUS])).config),
  );
});

it('is the same for models that lay frames out differently', async () => {
  const read = async (set: string): Promise<unknown> =>
    textStage.settings((await world.context('text', [CORPUS, set])).config);
  expect(await read('text.separatorFirst=true')).toEqual(await read('text.separatorFirst=false'));
  expect(await read('model.kind=lxmert-model')).toEqual(await read('model.videoLayers=2'));
  expect(await read('corpus.start=false')).toEqual(await read('corpus.start=true'));
  expect(await read('text.budget=6')).not.toEqual(await read('text.budget=7'));
});

it('is a stage of runs that name a corpus alone, and pretraining needs it there', async () => {
  const { config } = await world.context('text', [CORPUS]);
  const plain = (await world.context('text', [])).config;
  expect(textStage.absentFor!(config)).toBeUndefined();
  expect(textStage.absentFor!(plain)).toBe('the configuration names no corpus');
  expect(pretrainStage.alsoNeeds!(config)).toContain('text');
  expect(pretrainStage.alsoNeeds!(plain)).not.toContain('text');
  const finetuned = (await world.context('text', [CORPUS, 'finetune.init=text'])).config;
  expect(finetuneStage.alsoNeeds!(finetuned)).toContain('text');
  expect(finetuneStage.alsoNeeds!(config)).not.toContain('text');
  expect(finetuneStage.files!(finetuned)).not.toHaveProperty('finetune.init');
});
