import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openSafetensors } from '@wbdc/checkpoints/node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compiled } from '../../../tools/compiled.js';
import { MPIS, run, runRanks, withoutMpi, type Mpi } from '../../../tools/mpi.js';
import type { Training } from './programs/train.js';

const PROGRAM = join(import.meta.dirname, 'programs/train.ts');

interface Trained {
  readonly losses: readonly number[];
  readonly weights: ReadonlyMap<string, Float32Array>;
}

type Stage = Training['stage'];

/** The objectives as the originals had them. */
const PUBLISHED = {
  tasks: {
    ftm: { view: 'masked' },
    mlm: { fields: ['title'] },
    mfm: { normalize: false, temperature: 1, start: 'mlm' },
    mmm: { heads: 'shared', normalize: false, temperature: 1 },
    ftc: { pooling: 'mean', reduction: 'sum', temperature: 1 },
    tag: { pooling: 'mean', hidden: 8, activation: 'relu' },
  },
  views: { onesided: { share: 0.25, from: 0 }, masked: { share: 0.75, from: 0.25 } },
};

/** How each stage is trained here; other settings of one of them by other names. */
const TRAININGS = {
  pretrain: { stage: 'pretrain', epochs: 10 },
  'as published': { stage: 'pretrain', settings: PUBLISHED, reduction: 'mean' },
  category: { stage: 'category' },
  similarity: { stage: 'similarity' },
  tags: { stage: 'tags', settings: { rDrop: 0.5 } },
  negatives: { stage: 'similarity', epochs: 4, settings: { loss: 'negatives', rDrop: 0.5, accumulate: 2 } },
  cosent: { stage: 'similarity', settings: { loss: 'cosent', rDrop: 0.5 } },
  clip: { stage: 'clip' },
  fgm: { stage: 'category', epochs: 4, settings: { accumulate: 2, adversarial: { kind: 'fgm' } } },
  zero: { stage: 'pretrain', epochs: 10, zero: 1 },
  'zero ema': { stage: 'category', zero: 1, settings: { ema: 0.9 } },
  ema: { stage: 'category', settings: { ema: 0.9 } },
  bf16: { stage: 'category', gradientDtype: 'bf16' },
} as const satisfies Record<string, { readonly stage: Stage } & Partial<Training>>;
type Name = keyof typeof TRAININGS;

/** N ranks with the batch of one give its losses and its weights, whatever is trained. */
describe.skipIf(withoutMpi)(`several ranks train as one (${withoutMpi ?? 'MPI is installed'})`, () => {
  const [openMpi, mpich] = MPIS;
  let root: string;
  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'wbdc-ranks-'));
    await train('1', [
      'pretrain',
      'as published',
      'category',
      'similarity',
      'tags',
      'negatives',
      'cosent',
      'clip',
      'fgm',
    ]);
    await train('3', ['pretrain', 'similarity', 'tags', 'negatives', 'zero'], [openMpi, 3]);
    await train(
      '2',
      ['as published', 'category', 'cosent', 'negatives', 'clip', 'fgm', 'bf16', 'ema', 'zero ema'],
      [mpich, 2],
    );
  });
  afterAll(() => rm(root, { recursive: true }));

  const folderOf = (where: string, name: string): string => join(root, where, name);

  const train = (where: string, names: readonly Name[], mpi?: readonly [Mpi, number]): Promise<void> =>
    start(
      names.map((name) => ({ ...TRAININGS[name], folder: folderOf(where, name) })),
      mpi,
    );

  /** Processes cost more than steps: several trainings in each. */
  async function start(trainings: readonly Training[], mpi?: readonly [Mpi, number]): Promise<void> {
    const args = [JSON.stringify(trainings)];
    const result = mpi
      ? await runRanks(...mpi, PROGRAM, { args })
      : await run(process.execPath, [await compiled(PROGRAM), ...args]);
    expect(result.stderr).toBe('');
    expect(result.code).toBe(0);
  }

  async function trained(where: string, name: string): Promise<Trained> {
    const folder = folderOf(where, name);
    const lines = readFileSync(join(folder, 'metrics.jsonl'), 'utf8').trim().split('\n');
    const records = lines.map((line) => JSON.parse(line) as { type: string; loss: number });
    const losses = records.filter(({ type }) => type === 'step').map(({ loss }) => loss);
    const checkpoints = join(folder, 'checkpoints');
    const file = await openSafetensors(join(checkpoints, readdirSync(checkpoints).sort().at(-1)!, 'model.safetensors'));
    const weights = new Map<string, Float32Array>();
    for (const name of file.tensors.keys()) weights.set(name, (await file.read(name)).data as Float32Array);
    await file.close();
    return { losses, weights };
  }

  /** Largest relative difference of a loss, and the norm of the weights' difference over theirs. */
  function apart(actual: Trained, expected: Trained): { losses: number; weights: number } {
    expect(actual.losses).toHaveLength(expected.losses.length);
    const losses = actual.losses.map((loss, i) => Math.abs(loss - expected.losses[i]) / Math.abs(expected.losses[i]));
    let [difference, length] = [0, 0];
    for (const [name, values] of expected.weights) {
      const others = actual.weights.get(name)!;
      values.forEach((value, i) => {
        difference += (value - others[i]) ** 2;
        length += value ** 2;
      });
    }
    return { losses: Math.max(...losses), weights: Math.sqrt(difference / length) };
  }

  it.each([
    ['pretrain', '3', 50],
    ['as published', '2', 15],
    ['category', '2', 15],
    ['similarity', '3', 15],
    ['tags', '3', 12],
    ['negatives', '3', 6],
    ['negatives', '2', 6],
    ['cosent', '2', 15],
    ['clip', '2', 15],
    ['fgm', '2', 10],
  ] as const)('%s on %s ranks: %i steps of one', async (name, ranks, steps) => {
    const one = await trained('1', name);
    expect(one.losses).toHaveLength(steps);
    const { losses, weights } = apart(await trained(ranks, name), one);
    expect(losses).toBeLessThan(1e-6);
    expect(weights).toBeLessThan(1e-6);
  });

  it('moments divided over ranks give the same to the last bit, averaged weights nearly so', async () => {
    expect(await trained('3', 'zero')).toEqual(await trained('3', 'pretrain'));
    const { losses, weights } = apart(await trained('2', 'zero ema'), await trained('2', 'ema'));
    expect(losses).toBe(0);
    expect(weights).toBeLessThan(1e-6);
  });

  it('gradients in bfloat16 give nearly the same', async () => {
    const { losses } = apart(await trained('2', 'bf16'), await trained('1', 'category'));
    expect(losses).toBeGreaterThan(1e-7);
    expect(losses).toBeLessThan(2e-2);
  });

  it('a checkpoint of three ranks goes on with two and alone, moments divided or not, to the last bit', async () => {
    const steps = async (): Promise<number> => (await trained('cut', 'category')).losses.length;
    const again = { ...TRAININGS.category, folder: folderOf('cut', 'category'), resume: true };
    await start([{ ...again, zero: 1, abortAt: { rank: 2, step: 0 } }], [mpich, 3]);
    const first = await steps();
    expect(first).toBeLessThan(5); // one rank was told to stop: all did
    const repeated = { ...TRAININGS.fgm, zero: 1 as const, folder: folderOf('again', 'fgm') };
    await start([repeated, { ...again, abortAt: { rank: 1, step: 0 } }], [mpich, 2]);
    const second = await steps();
    expect(second).toBeGreaterThan(first);
    expect(second).toBeLessThan(15);
    await start([again]);
    const { losses, weights } = apart(await trained('cut', 'category'), await trained('1', 'category'));
    expect(losses).toBeLessThan(1e-6);
    expect(weights).toBeLessThan(1e-6);
    expect(await trained('again', 'fgm')).toEqual(await trained('2', 'fgm'));
  });

  it('a rank with other data is named before the first step', async () => {
    const folder = folderOf('other', 'category');
    const args = [JSON.stringify([{ stage: 'category', folder, otherData: 1 }])];
    const { code, stderr } = await runRanks(mpich, 2, PROGRAM, { args });
    expect(code).not.toBe(0);
    expect(stderr).toMatch(/expected the same data on all 2 ranks, got rank 1 on \S+ has .*data of 64 examples/);
    expect(readdirSync(folder)).not.toContain('checkpoints');
  });
});
