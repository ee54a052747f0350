import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openSafetensors } from '@wbdc/checkpoints/node';
import { saveCheckpoint } from '@wbdc/train/node';
import { flatten, randomKey } from '@wbdc/nn';
import { finetuneRules, uniSizesOf } from '@wbdc/pipeline';
import { uniModel } from '@wbdc/uni-model';
import { loadTokenizer } from '@wbdc/tokenizer/node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runFinetuneStage } from '../../src/stages/finetune/finetune.js';
import { linesOf, makeWorld, WIDTH, type World } from './world.js';

let world: World;
beforeAll(async () => void (world = await makeWorld()));
afterAll(() => world.remove());

async function weightsOf(folder: string): Promise<Map<string, number[]>> {
  const file = await openSafetensors(join(folder, 'model/model.safetensors'));
  const weights = new Map<string, number[]>();
  for (const name of file.tensors.keys()) weights.set(name, [...(await file.read(name)).data]);
  await file.close();
  return weights;
}

interface Line {
  readonly type: string;
  readonly step: number;
  readonly learningRate: number;
  readonly metrics: Record<string, number>;
}

/** Trains and gives the finished weights. */
async function train(name: string, ...set: string[]) {
  const stage = await world.context(name, set);
  const { summary } = await runFinetuneStage(stage);
  return { stage, summary, weights: await weightsOf(stage.folder) };
}

describe('settings', () => {
  it('adversarial training changes what is learned, by each kind in another way', async () => {
    const heads: string[] = [];
    for (const kind of ['none', 'fgm', 'pgd', 'awp']) {
      const { weights } = await train(kind, `finetune.adversarial.kind=${kind}`);
      heads.push(String(weights.get('head.output.weight')));
    }
    expect(new Set(heads).size).toBe(4);
  });

  it('a pattern that matches nothing is an error: adversarial, frozen', async () => {
    const run = async (set: string) => runFinetuneStage(await world.context('refused', [set]));
    await expect(run('finetune.adversarial={kind: awp, pattern: "encoder.**.weights"}')).rejects.toThrow(
      "'encoder.**.weights'",
    );
    await expect(run('finetune.freeze=["encoder.berd.**"]')).rejects.toThrow(/freeze: .*'encoder\.berd\.\*\*'/);
  });

  it('frozen parameters keep their values', async () => {
    const { weights } = await train('frozen', 'finetune.freeze=["encoder.bert.**"]');
    const moved = await train('unfrozen');
    const fresh = await train('fresh', 'finetune.freeze=["encoder.**"]');
    const word = 'encoder.bert.embeddings.word';
    expect(weights.get(word)).toEqual(fresh.weights.get(word));
    expect(moved.weights.get(word)).not.toEqual(fresh.weights.get(word));
    expect(weights.get('encoder.frames.projection.weight')).not.toEqual(
      fresh.weights.get('encoder.frames.projection.weight'),
    );
  });

  it('rates by layer replace the default rule, and leave frozen layers alone', async () => {
    const { config } = await world.context('rules', [
      'finetune.rules=null',
      'finetune.layerwiseDecay={decay: 0.5, learningRate: 0.01}',
      'finetune.freeze=["encoder.bert.embeddings.**"]',
    ]);
    const encoder = uniModel(uniSizesOf(config.model, config.frames, 11, WIDTH)).init(randomKey(1));
    expect(finetuneRules(config, { encoder }).rules).toEqual([
      { pattern: 'encoder.bert.embeddings.**', frozen: true },
      { pattern: 'encoder.bert.layers.0.**', learningRate: 0.005 },
    ]);
    const plain = await world.context('rules', ['finetune.rules=null']);
    expect(finetuneRules(plain.config, { encoder }).rules).toEqual([
      { pattern: 'encoder.bert.**', learningRate: 5e-5 },
    ]);
  });

  it('a training ends after some epochs of its schedule', async () => {
    const whole = await train('whole', 'finetune.epochs=3');
    const part = await train('part', 'finetune.epochs=3', 'finetune.stopAfter=2');
    const steps = async ({ stage }: typeof whole) =>
      linesOf<Line>(await world.read(stage, 'metrics.jsonl')).filter(({ type }) => type === 'step');
    const [all, some] = [await steps(whole), await steps(part)];
    expect([all.length, some.length]).toEqual([12, 8]);
    expect(some.map(({ learningRate }) => learningRate)).toEqual(
      all.slice(0, 8).map(({ learningRate }) => learningRate),
    );
  });
});

describe('the best weights', () => {
  const settings = ['finetune.epochs=3', 'finetune.evaluateEvery=2', 'finetune.averageBest=3', 'finetune.ema=0.5'];

  it('are averaged, measured and used', async () => {
    const { stage, summary, weights } = await train('best', ...settings);
    const list = JSON.parse(await world.read(stage, 'best/best.json')) as { step: number; score: number }[];
    const measured = linesOf<Line>(await world.read(stage, 'metrics.jsonl')).filter(
      ({ type }) => type === 'evaluation',
    );
    const expected = measured
      .map(({ step, metrics }) => ({ step, score: metrics['score'] }))
      .sort((a, b) => b.score - a.score || b.step - a.step)
      .slice(0, 3);
    expect(measured.length).toBe(6);
    expect(list).toEqual(expected);
    expect(Object.keys(summary)).toContain('mean of the weights after steps');
    const parts = await Promise.all(
      list.map(async ({ step }) => {
        const file = await openSafetensors(
          join(stage.folder, `best/step-${String(step).padStart(8, '0')}.safetensors`),
        );
        const { data } = await file.read('head.output.weight');
        await file.close();
        return [...data];
      }),
    );
    const mean = parts[0].map((_, i) => Math.fround(parts.reduce((sum, part) => sum + part[i], 0) / 3));
    expect(weights.get('head.output.weight')).toEqual(mean);
  });

  it('are the same after an interruption', async () => {
    const whole = await train('best-whole', ...settings);
    const controller = new AbortController();
    const stage = await world.context('best-cut', settings, { signal: controller.signal });
    const now = (): number => (controller.abort(), 0); // the progress display asks for the time after the first steps
    const terminal = { ...stage.output.terminal, now };
    const output = Object.assign(Object.create(Object.getPrototypeOf(stage.output)), stage.output, { terminal });
    const first = await runFinetuneStage({ ...stage, output }).catch((error: unknown) => error);
    expect(first).toMatchObject({ status: 'interrupted' });
    const again = await world.context('best-cut', settings, { resume: true });
    const { status } = await runFinetuneStage(again);
    expect(status).toBe('complete');
    expect(await weightsOf(again.folder)).toEqual(whole.weights);
    expect(await world.read(again, 'best/best.json')).toEqual(await world.read(whole.stage, 'best/best.json'));
  });

  it('need something to be measured on', async () => {
    const own = await world.context('unmeasured', [
      'finetune.averageBest=2',
      'data.heldOutSplits=[unlabeled]',
      'data.trainSplits=[labeled]',
    ]);
    await expect(runFinetuneStage(own)).rejects.toThrow('finetune.averageBest: expected videos with a known category');
  });
});

describe('a checkpoint to start from', () => {
  it('gives the encoder its weights, and is refused where it has none or other sizes', async () => {
    const stage = await world.context('init');
    const { config } = stage;
    const { vocabSize } = await loadTokenizer(stage.upstream('vocab'));
    const encoder = uniModel(uniSizesOf(config.model, config.frames, vocabSize, WIDTH)).init(randomKey(9));
    const { model: sizes, text, frames, tasks, views } = config;
    const architecture = { model: 'uni-model', sizes, text, frames, features: { made: 'up' }, tasks, views };
    const save = async (name: string, params: object, of: object) => {
      await mkdir(join(world.folder, name), { recursive: true });
      await saveCheckpoint(join(world.folder, name), { params, config: { ...of }, state: { step: 1, seed: 1 } });
    };
    await save('whole', { encoder, heads: {} }, architecture);
    const { weights } = await train('from', 'finetune.init=whole', 'finetune.freeze=["encoder.**"]');
    for (const { path, leaf } of flatten(encoder))
      expect(weights.get(`encoder.${path}`), path).toEqual([...leaf.dataSync()]);
    await save('headless', { other: encoder }, architecture);
    await expect(train('from', 'finetune.init=headless')).rejects.toThrow(/missing: encoder\.bert\.embeddings\.word/);
    await save('wide', { encoder }, { ...architecture, sizes: { ...sizes, width: 8 } });
    await expect(train('from', 'finetune.init=wide')).rejects.toThrow('sizes.width: expected 6, got 8');
    await writeFile(join(world.folder, 'whole/model.safetensors'), 'cut');
    await expect(train('from', 'finetune.init=whole')).rejects.toThrow(/model\.safetensors/);
    await expect(train('from', 'finetune.init=nowhere')).rejects.toThrow(
      /finetune.init: .*nowhere: expected a trained model: its folder, a stage or a run .*, got none/,
    );
  });
});
