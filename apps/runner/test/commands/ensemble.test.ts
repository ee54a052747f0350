import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { finetuneFiles, writeClasses, writeEmbeddingFile, writeProbabilities } from '@wbdc/finetune/node';
import { spearman } from '@wbdc/metrics';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runIn } from '../host.js';

let folder: string;
const ids = ['10001', '10002', '10003', '10004', '10005'];
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'wbdc-ensemble-command-'));
  for (const [m, name] of ['job1', 'job2'].entries()) {
    const files = finetuneFiles(join(folder, 'runs', name, 'finetune'));
    await mkdir(join(folder, 'runs', name, 'finetune'), { recursive: true });
    const rows = new Map(ids.map((id, i) => [id, [Math.cos(i + m), Math.sin(i * (1 + m)), 0.5]]));
    await writeEmbeddingFile(files.embeddings, rows);
  }
  for (const [m, name] of ['single', 'double'].entries()) {
    const files = finetuneFiles(join(folder, 'runs', name, 'finetune'));
    await mkdir(join(folder, 'runs', name, 'finetune'), { recursive: true });
    await writeClasses(files.classes, ['0100', '0203']);
    const values = ids.flatMap((_, i) => (i % 2 === m ? [0.9, 0.1] : [0.4, 0.6]));
    await writeProbabilities(files.probabilities, [{ ids: [...ids], values: Float32Array.from(values) }]);
  }
  const pairs = [0, 1, 2, 3].map((i) => `${ids[i]}\t${ids[i + 1]}\t${[0.1, 0.9, 0.4, 0.6][i]}\n`);
  await writeFile(join(folder, 'label.tsv'), pairs.join(''));
  await writeFile(join(folder, 'truth.csv'), ids.map((id, i) => `${id},${i % 2 === 0 ? '0100' : '0203'}\n`).join(''));
});
afterAll(() => rm(folder, { recursive: true }));

const run = (...args: string[]) => runIn(folder, ['ensemble', ...args]);

describe('wbdc ensemble', () => {
  it('joins embeddings, and says how good and how alike they are', async () => {
    const { code, out, err } = await run('runs/job1', 'runs/job2', '--pairs', 'label.tsv', '--out', 'joined');
    expect([code, err]).toEqual([0, expect.stringContaining('dimensions: joined to that width')]);
    expect(out).toMatch(/job1 +0\.500 .* 1\.000 -?0\.\d{3}/);
    expect(out).toMatch(/first 2 +-?\d/);
    expect(out).toContain(join(folder, 'joined/result.zip'));
    const again = await run(
      'runs/job1',
      'runs/job2',
      '--fit',
      'joined/ensemble.safetensors',
      '--out',
      'again',
      '--json',
    );
    const { files } = JSON.parse(again.out) as { files: { submission: string } };
    expect(await readFile(files.submission)).toEqual(await readFile(join(folder, 'joined/result.zip')));
  });

  it('averages probabilities by weights', async () => {
    const weights = ['--weights', '1,0.7', '--truth', 'truth.csv', '--out', 'fused', '--json'];
    const { code, out } = await run('runs/single', 'runs/double/finetune', ...weights);
    const result = JSON.parse(out) as { singles: { score: number }[]; weights: number[]; growth: object[] };
    expect([code, result.weights, result.growth.length]).toEqual([0, [1, 0.7], 2]);
    expect(result.singles[0].score).toBe(1);
    expect(await readFile(join(folder, 'fused/result.csv'), 'utf8')).toContain('10001,0100\n');
  });

  it('measures what needs no model on the same pairs and videos, and says who is below it', async () => {
    const data = join(folder, 'data');
    await mkdir(join(data, 'annotations'), { recursive: true });
    const titles = ['红猫', '红犬', '蓝犬', '蓝鸟', '绿鸟'];
    const record = (i: number) => ({ id: ids[i], title: titles[i], asr: '', ocr: [], tags: [] });
    await writeFile(join(data, 'annotations/test_a.json'), JSON.stringify(ids.map((_, i) => record(i))));
    const known = { ...record(0), id: '777', category_id: '0203', title: '犬' };
    await writeFile(
      join(data, 'annotations/labeled.json'),
      JSON.stringify([known, { ...record(1), id: '778', category_id: '0100' }]),
    );
    // They share 0, 1/3, 0 and 1/3 of their letters.
    const scored = [
      [0, 2, 0.1],
      [0, 1, 0.6],
      [0, 3, 0.2],
      [3, 4, 0.9],
    ];
    const pairs = scored.map(([a, b, score]) => `${ids[a]}\t${ids[b]}\t${score}\n`);
    await writeFile(join(folder, 'letters.tsv'), pairs.join(''));
    const joined = await run('runs/job1', 'runs/job2', '--pairs', 'letters.tsv', '--data', 'data', '--out', 'based');
    expect(joined.out).toMatch(/without a model:\ncharacters in common, titles +0\.\d+/);
    const report = JSON.parse(await readFile(join(folder, 'based/ensemble.json'), 'utf8')) as {
      baselines: Record<string, number>;
      singles: { name: string; score: number }[];
    };
    const overlap = spearman([0, 1 / 3, 0, 1 / 3], [0.1, 0.6, 0.2, 0.9]);
    expect(report.baselines['characters in common, titles']).toBeCloseTo(overlap, 12);
    const best = Math.max(...Object.values(report.baselines));
    for (const { name, score } of report.singles) {
      expect(joined.out.includes(`${name} is BELOW the best that needs no model`)).toBe(score < best);
    }
    expect(report.singles.some(({ score }) => score < best)).toBe(true);
    expect(await readFile(join(folder, 'based/ensemble.html'), 'utf8')).toContain(
      'no model: characters in common, titles',
    );
    const fused = await run('runs/double', '--truth', 'truth.csv', '--data', 'data', '--out', 'known');
    expect(fused.out).toMatch(/the most frequent category +0\.\d+/);
    expect(fused.out).toMatch(/nearest by TF-IDF, titles +0\.\d+/);
    const unknown = await run('runs/job1', '--pairs', 'letters.tsv', '--out', 'plain');
    expect(unknown.out).not.toContain('without a model');
    expect(unknown.err).toContain('no baselines of letters and frames: the texts of the videos are not known');
    const texts = ['--texts', 'data/annotations/test_a.json'];
    const named = await run('runs/job1', '--pairs', 'letters.tsv', ...texts, '--out', 'named');
    expect(named.out).toMatch(/without a model:\ncharacters in common, titles +0\.\d+/);
    const alone = await run('runs/double', '--truth', 'truth.csv', '--out', 'alone');
    expect(alone.out).toMatch(/the most frequent category of the truth +0\.\d+/);
    expect(alone.err).toContain('no labelled videos to learn from are known');
  });

  it('says what does not fit', async () => {
    const short = await run('runs/single', 'runs/double', '--weights', '1', '--out', 'x');
    expect([short.code, short.err]).toEqual([2, expect.stringContaining('expected 2 numbers of 0 or more')]);
    const both = await run('runs/single', '--weights', '1', '--search', '--out', 'x');
    expect([both.code, both.err]).toEqual([2, expect.stringContaining('one of --weights, --search and --fit')]);
    const mixed = await run('runs/single', 'runs/job1', '--out', 'x');
    expect([mixed.code, mixed.err]).toEqual([1, expect.stringContaining('expected probabilities, as of single')]);
    const none = await run('runs/nowhere', '--out', 'x');
    expect([none.code, none.err]).toEqual([1, expect.stringContaining('expected a run with a finetune stage')]);
  });

  it.each([
    ['single', ['--pairs', 'label.tsv'], 'expected embeddings with pairs, got probabilities'],
    [
      'single',
      ['--fit', 'saved/ensemble.safetensors'],
      'expected embeddings with a fitted projection, got probabilities',
    ],
    ['single', ['--float16'], 'expected embeddings with float16, got probabilities'],
    ['single', ['--dimensions', '2'], 'expected embeddings with dimensions, got probabilities'],
    ['job1', ['--dimensions', '257'], 'dimensions: expected at most 256 in a submission, got 257'],
    ['job1', ['--truth', 'truth.csv'], 'expected probabilities or tags with a truth'],
    ['job1', ['--fit', 'saved/ensemble.safetensors', '--dimensions', '2'], 'which has 3, got 2'],
  ])('passes over nothing that it is asked for: %s %s', async (name, args, message) => {
    if (args.includes('--fit')) await run('runs/job1', '--out', 'saved');
    const { code, err } = await run(`runs/${name}`, ...args, '--out', 'refused');
    expect([code, err]).toEqual([1, expect.stringContaining(message)]);
  });

  it('joins two submissions of one name', async () => {
    const paths = ['runs/job1/finetune/result.zip', 'runs/job2/finetune/result.zip'];
    const { code, out } = await run(...paths, '--pairs', 'label.tsv', '--out', 'two');
    expect([code, out]).toEqual([0, expect.stringMatching(/job1\/result +0\.500.*\njob2\/result +0\.500/)]);
  });
});
