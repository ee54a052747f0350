import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { wbdcLayout, writeAnnotations } from '@wbdc/data';
import { beforeAll, describe, expect, it } from 'vitest';
import { useEngine } from '../../../../tools/testing.js';
import { check, type CheckItem } from '@wbdc/pipeline/check';
import type { CheckJob } from '@wbdc/pipeline/settings';
import { checkRequest } from '../../src/commands/check.js';
import { loadConfig } from '../../src/config/load.js';
import { runIn } from '../host.js';
import { viewsOf } from '@wbdc/pipeline';

const SIZES = [
  'vocab.size=83',
  'clip.vision={imageSize: 16, patchSize: 8, width: 22, layers: 3, heads: 2}',
  'model={width: 26, layers: 1, heads: 2, maxPositions: 29, videoLayers: 1, crossLayers: 1}',
  'text.budget=29',
  'frames.limit=5',
  'train={batchSize: 14, epochs: 3, rules: []}',
];
const ALL = [
  'model.width=62', // a narrow one takes three times the steps to learn eight samples by heart
  'tasks={mlm: {}, mfm: {temperature: 0.25}, ftm: {}, ftc: {}, mmm: {temperature: 0.25}, tag: {count: 19}}',
  'views.onesided.share=0.5',
];
const ONE = ['tasks={mlm: {}, tag: null, mfm: null}'];

const configOf = (...set: string[]) => loadConfig({ folder: '.', set: [...SIZES, ...set] });

async function runJob(job: CheckJob, ...set: string[]): Promise<Record<string, CheckItem>> {
  const items: Record<string, CheckItem> = {};
  for await (const item of check(checkRequest(job, await configOf(...set), 57))) items[item.name] = item;
  return items;
}

const run = (...set: string[]) => runJob('pretrain', ...set);

beforeAll(() => useEngine('ort'));

/** All but the last, which takes longest. */
async function runQuick(...set: string[]): Promise<Record<string, CheckItem>> {
  const items: Record<string, CheckItem> = {};
  for await (const item of check(checkRequest('pretrain', await configOf(...set), 57))) {
    items[item.name] = item;
    if (item.name === 'time') break;
  }
  return items;
}

describe('check', () => {
  it.each(['uni-model', 'lxmert-model'])('finds nothing wrong with all objectives on a %s', async (kind) => {
    const items = await run(`model.kind=${kind}`, ...ALL);
    expect(items['start'].about).toContain(`mlm/loss`);
    const failed = Object.values(items).filter(({ status }) => status === 'failed');
    expect(failed.map(({ name, about }) => `${name}: ${about}`)).toEqual([]);
    expect(items['passes'].details).toEqual({ encoderPasses: 4 });
    expect(items['time'].details).toMatchObject({ batches: 3 * Math.floor(57 / 14), steps: 12 });
    const losses = items['start'].details['losses'] as { metric: string; expected: number }[];
    expect(losses.find(({ metric }) => metric === 'mlm/loss')?.expected).toBeCloseTo(Math.log(83));
    expect(losses.find(({ metric }) => metric === 'ftc/loss')?.expected).toBeCloseTo(Math.log(8));
  });

  it('knows where a tag head with a prior starts', async () => {
    const { start } = await runQuick('tasks={mlm: {}, mfm: null, tag: {count: 19, prior: 0.1}}');
    expect(start.status).toBe('ok');
    const losses = start.details['losses'] as { metric: string; expected: number }[];
    expect(losses.find(({ metric }) => metric === 'tag/loss')?.expected).toBeLessThan(0.65); // ln 2 is 0.69
  });

  it('knows no start of inner products', async () => {
    const { start } = await runQuick(...ALL, 'tasks.ftc={temperature: 1, normalize: false}');
    expect([start.status, start.about]).toEqual(['ok', expect.stringMatching(/ftc\/loss .*depends on the length/)]);
  });

  it('names parameters that no task reads', async () => {
    const { gradients } = await runQuick('model.kind=lxmert-model', ...ONE);
    expect(gradients.status).toBe('failed');
    expect(gradients.about).toContain('encoder.cross.0.video.attention.query.weight');
  });

  it('leaves frozen parameters out', async () => {
    const rule = 'train.rules=[{pattern: "encoder.cross.0.video.**", frozen: true}]';
    const [all, some] = [
      await runQuick(...ONE, 'model.kind=lxmert-model'),
      await runQuick(...ONE, 'model.kind=lxmert-model', rule),
    ];
    expect(some['gradients'].status).toBe('ok');
    expect(Number(all['gradients'].details['trained']) - Number(some['gradients'].details['trained'])).toBe(16);
  });

  it('adds up parameters and memory', async () => {
    const { parameters, memory } = await runQuick(...ONE);
    const { total, encoder, mlm } = parameters.details;
    expect(mlm).toBe(26 * 26 + 26 + 26 + 26 + 83);
    expect(total).toBe(Number(encoder) + Number(mlm));
    expect(memory.details).toMatchObject({
      weights: 4 * Number(total),
      gradients: 4 * Number(total),
      optimizer: 8 * Number(total),
    });
  });

  it('says what to do about a batch that memory does not hold', async () => {
    const { memory } = await runQuick(...ONE, 'train.batchSize=100000000');
    expect(memory.status).toBe('failed');
    expect(memory.about).toContain('take a smaller train.batchSize and raise train.accumulate, or set model.recompute');
  });

  it('tells a loss that cannot fall', async () => {
    // With a weight this small the task learns nothing in time.
    const { overfit } = await run('tasks={mlm: {}, mfm: null, tag: {count: 19, weight: 1.0e-20}}');
    expect(overfit.status).toBe('failed');
    expect(overfit.about).toMatch(/tag\/loss .*: HARDLY FALLS/);
    expect(overfit.about).not.toMatch(/mlm\/loss .*HARDLY/);
  });
});

const notOk = (items: Record<string, CheckItem>): string[] =>
  Object.values(items).flatMap(({ name, status, about }) => (status === 'failed' ? [`${name}: ${about}`] : []));

describe('check of other jobs', () => {
  it('finds nothing wrong with the CLIP stage', async () => {
    const text = 'clip.text={width: 14, layers: 1, heads: 2, budget: 7}';
    const items = await runJob('clip', text, 'clip.batchSize=14', 'clip.epochs=3', 'clip.framesPerVideo=2');
    expect(notOk(items)).toEqual([]);
    expect(items['parameters'].about).toMatch(/^clip, .*vision .*, text .*, rest /);
    const [{ expected }] = items['start'].details['losses'] as { expected: number }[];
    expect(expected).toBeCloseTo(Math.log(8));
    expect(items['time'].details).toMatchObject({ batches: 3 * 4 });
    const fixed = await runJob('clip', text, 'clip.batchSize=14', 'clip.temperature=0.2');
    expect(notOk(fixed)).toEqual([]);
  });

  it.each(['uni-model', 'lxmert-model'])('finds nothing wrong with finetuning a %s for categories', async (kind) => {
    const attack = 'finetune.adversarial={kind: pgd}';
    const pooling = kind === 'lxmert-model' ? ['finetune.pooling=both'] : [];
    const items = await runJob(
      'finetune',
      `model.kind=${kind}`,
      attack,
      'finetune.batchSize=14',
      'finetune.ema=0.99',
      ...pooling,
    );
    expect(notOk(items)).toEqual([]);
    const [{ expected }] = items['start'].details['losses'] as { expected: number }[];
    expect(expected).toBeCloseTo(Math.log(200));
    const { weights, optimizer } = items['memory'].details as Record<string, number>;
    expect(optimizer).toBe(3 * weights); // two moments and the average
    expect(items['passes']).toBeUndefined();
  });

  it('finds nothing wrong with finetuning for similarity', async () => {
    const items = await runJob('finetune', 'finetune.kind=similarity', 'finetune.width=11', 'finetune.batchSize=14');
    expect(notOk(items)).toEqual([]);
    expect(items['time'].about).toContain('57 pairs');
  });

  it.each(['bce', 'asl'])('finds nothing wrong with finetuning for tags by %s', async (loss) => {
    const tags = `finetune.tags={head: fresh, loss: ${loss}}`;
    const items = await runJob('finetune', 'finetune.kind=tags', tags, 'finetune.batchSize=14');
    expect(notOk(items)).toEqual([]);
  });

  it.each(['pooled', 'projected'])('counts a vision tower that is trained too, its features %s', async (output) => {
    const tower = ['finetune.vision={frames: 2}', `features={output: ${output}, tower: somewhere}`];
    const items = await runJob('finetune', ...tower, 'finetune.batchSize=14');
    expect(notOk(items)).toEqual([]);
    const { vision, total, encoder, head } = items['parameters'].details as Record<string, number>;
    expect(vision).toBeGreaterThan(22 * 3 * 8 * 8);
    expect(total).toBe(encoder + vision + head);
  });

  it('reads frames of 1536 values in the AIAC layout', async () => {
    const { parameters: wbdc } = await runQuick(...ONE);
    const { parameters: aiac } = await runQuick(...ONE, 'data={layout: aiac, folder: somewhere}');
    expect(Number(aiac.details['encoder']) - Number(wbdc.details['encoder'])).toBe(26 * (1536 - 22));
  });

  it('names an attack on nothing', async () => {
    const attack = 'finetune.adversarial={kind: fgm, pattern: encoder.words}';
    await expect(runJob('finetune', attack, 'finetune.batchSize=2')).rejects.toThrow(/'encoder.words'/);
  });
});

describe('viewsOf', () => {
  it('is one view, and so one encoder pass, per corrupted copy', async () => {
    expect(viewsOf(await configOf(...ALL))).toEqual([
      { name: 'exchanged', tasks: ['ftm'], share: 1, from: null },
      { name: 'masked', tasks: ['mlm', 'mfm', 'tag'], share: 1, from: null },
      { name: 'onesided', tasks: ['mmm'], share: 0.5, from: null },
      { name: 'plain', tasks: ['ftc'], share: 1, from: null },
    ]);
  });
});

describe('wbdc check', () => {
  it('takes the number of categories from the data where they are there', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'wbdc-check-'));
    try {
      await mkdir(join(folder, 'data/annotations'), { recursive: true });
      const videos = Array.from({ length: 9 }, (_, i) => ({ id: `v0${i}`, title: '', asr: '', ocr: [] }));
      await writeAnnotations(
        wbdcLayout(join(folder, 'data')).annotations('labeled'),
        videos.map((video, i) => ({ ...video, ...(i < 8 && { categoryId: `010${i % 3}` }) })),
      );
      const sizes = [...SIZES, 'data.folder=data', 'finetune.batchSize=2'].flatMap((setting) => ['--set', setting]);
      const { out } = await runIn(folder, ['check', 'finetune', '--json', '--engine', 'ort', ...sizes]);
      const { checks } = JSON.parse(out) as { checks: { name: string; losses?: { expected: number }[] }[] };
      expect(checks.find(({ name }) => name === 'start')!.losses![0].expected).toBeCloseTo(Math.log(3));
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('prints one object and fails where something is wrong', async () => {
    const set = [...SIZES, ...ONE, 'model.kind=lxmert-model'].flatMap((setting) => ['--set', setting]);
    const { code, out } = await runIn('.', ['check', 'pretrain', '--json', '--engine', 'ort', ...set]);
    expect(code).toBe(1);
    expect(JSON.parse(out)).toMatchObject({ job: 'pretrain', ok: false });
  });
});
