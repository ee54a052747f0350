import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeAnnotations } from '@wbdc/data';
import { decideTags } from '@wbdc/finetune';
import { finetuneFiles, writeClasses, writeProbabilities } from '@wbdc/finetune/node';
import { meanAveragePrecision, multilabelF1 } from '@wbdc/metrics';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  describeEvaluation,
  ensembleModels,
  evaluateModels,
  writeEnsembleReport,
  writeEvaluation,
} from '../../src/evaluate/index.js';

const TAGS = ['猫咪', '狗狗', '夜景'];
const ids = Array.from({ length: 40 }, (_, i) => `1${String(i).padStart(3, '0')}`);
const tagsOf = (i: number): string[] => TAGS.filter((_, k) => (i + 1) % (k + 2) === 0);
/** What no video has any tag of says nothing. */
const tagged = ids.filter((_, i) => tagsOf(i).length > 0);
const video = (id: string, i: number, title: string) => ({ id, title, asr: '', ocr: [], tags: tagsOf(i) });

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'wbdc-evaluate-tags-'));
  const folder = join(root, 'data/annotations');
  await mkdir(folder, { recursive: true });
  const titles = ids.map((_, i) => (i % 3 === 0 ? '一段视频' : `${tagsOf(i).join('')}的视频`));
  const write = (split: string, idOf: (id: string) => string) =>
    writeAnnotations(
      join(folder, `${split}.json`),
      ids.map((id, i) => video(idOf(id), i, titles[i])),
    );
  await write('test_a', (id) => id);
  await write('labeled', (id) => `2${id}`);
});
afterAll(() => rm(root, { recursive: true }));

/** A number in [0, 1) of a few. */
const noiseOf = (i: number, k: number): number => ((i * 7 + k * 13 + i * k) % 17) / 17;

/** Probabilities `[40, 3]` that are right but for so much noise. */
const valuesOf = (noise: number): Float32Array =>
  Float32Array.from(
    ids.flatMap((_, i) => TAGS.map((tag, k) => (1 - noise) * Number(tagsOf(i).includes(tag)) + noise * noiseOf(i, k))),
    (value) => Number(value.toPrecision(6)),
  );

async function tagRun(name: string, noise: number, thresholds = [0.4, 0.5, 0.6]): Promise<string> {
  const folder = join(root, 'runs', name, 'finetune');
  await mkdir(folder, { recursive: true });
  const files = finetuneFiles(folder);
  await writeClasses(files.tagList, TAGS);
  await writeProbabilities(files.tagProbabilities, [{ ids: [...ids], values: valuesOf(noise) }]);
  const perTag = TAGS.map((tag, k) => ({ tag, threshold: thresholds[k], support: 1, f1: 1 }));
  await writeFile(files.scores, JSON.stringify({ perTag }));
  const record = { read: { data: '../../../data' }, settings: { finetune: { splits: ['labeled'] } } };
  await writeFile(join(folder, 'stage.json'), JSON.stringify(record));
  return join(root, 'runs', name);
}

/** Rows of the videos that have tags. */
const rowsOf = (values: ArrayLike<number>): number[] =>
  ids.flatMap((_, i) => (tagsOf(i).length > 0 ? TAGS.map((__, k) => values[i * 3 + k]) : []));
const TRUTH = rowsOf(ids.flatMap((_, i) => TAGS.map((tag) => Number(tagsOf(i).includes(tag)))));
const size = { rows: tagged.length, columns: 3 };

describe('tags', () => {
  it('are measured with intervals, by their thresholds, beside baselines and against each other', async () => {
    const [good, bad] = [await tagRun('good', 0.5), await tagRun('bad', 0.9)];
    const result = await evaluateModels({ models: [good, bad], truth: 'test_a', samples: 300 });
    if (result.kind !== 'tags') throw new Error('expected tags');
    expect(result).toMatchObject({ official: 'mAP', truth: { measured: tagged.length, unpredicted: 0 } });
    [0.5, 0.9].forEach((noise, m) => {
      const scores = rowsOf(valuesOf(noise));
      const f1 = multilabelF1(TRUTH, decideTags(scores, [0.4, 0.5, 0.6]), size);
      const { measures, tags } = result.models[m];
      expect(measures['mAP'].value).toBeCloseTo(meanAveragePrecision(TRUTH, scores, size), 6);
      expect(measures['video mAP'].value).toBeCloseTo(meanAveragePrecision(TRUTH, scores, size, 'rows'), 6);
      expect(measures['micro F1'].value).toBeCloseTo(f1.micro, 12);
      expect(measures['macro F1'].value).toBeCloseTo(f1.macro, 12);
      tags.forEach((one, k) => expect([one.label, one.f1]).toEqual([TAGS[k], expect.closeTo(f1.perLabel[k], 12)]));
    });
    const [first, second] = result.models;
    expect(first.measures['micro F1'].low).toBeLessThan(first.measures['micro F1'].value);
    expect(second.measures['mAP'].low).toBeLessThan(second.measures['mAP'].value);
    expect(second.difference).toMatchObject({ significant: true });
    expect(second.difference!.value).toBeLessThan(0);
    const [frequency, overlap] = result.baselines;
    expect([frequency.name, overlap.name]).toEqual(['tag frequency', 'character overlap']);
    const counts = TAGS.map((_, k) => TRUTH.filter((__, i) => i % 3 === k).reduce((sum, one) => sum + one));
    const shares = counts.reduce((sum, count) => sum + count / tagged.length, 0) / 3;
    expect(frequency.measures['mAP'].value).toBeCloseTo(shares, 6); // no order: precision is the share of the tag
    expect(overlap.measures['mAP'].value).toBeGreaterThan(shares);
    const lines = describeEvaluation(result).join('\n');
    expect(lines).toContain(`mAP of ${tagged.length} videos`);
    expect(lines).toMatch(/bad .*: worse/);
    const { report } = await writeEvaluation(join(root, 'out'), 'test_a', result);
    expect(await readFile(report, 'utf8')).toContain('Every tag: good');
  });

  it('as `wbdc tag` writes them have F1 alone, on any lines of tags, and on all of them', async () => {
    const said = join(root, 'said.jsonl');
    const chosen = (i: number) =>
      TAGS.map((tag) => ({ tag, probability: 0.3, chosen: tagsOf(i).includes(tag) && i % 4 !== 0 }));
    await writeFile(said, ids.map((id, i) => `${JSON.stringify({ id, tags: chosen(i) })}\n`).join(''));
    const truth = join(root, 'truth.jsonl');
    const known = (i: number) => [...tagsOf(i), ...(i === 5 ? ['没人说过'] : [])];
    await writeFile(truth, ids.map((id, i) => `${JSON.stringify({ id, tags: known(i) })}\n`).join(''));
    const result = await evaluateModels({ models: [said], truth, samples: 100 });
    if (result.kind !== 'tags') throw new Error('expected tags');
    expect(result.official).toBe('micro F1');
    expect(Object.keys(result.models[0].measures)).toEqual(['micro F1', 'macro F1']);
    const all = ids.flatMap((_, i) => known(i)).length;
    const hits = ids.flatMap((_, i) => (i % 4 === 0 ? [] : tagsOf(i))).length;
    expect(result.models[0].measures['micro F1'].value).toBeCloseTo((2 * hits) / (all + hits), 12);
    expect(result.baselines.map(({ name }) => name)).toEqual(['tag frequency of the truth']);
    const warnings: string[] = [];
    const onWarning = (line: string): void => void warnings.push(line);
    await evaluateModels({ models: [await tagRun('good', 0.5)], truth, samples: 100, onWarning });
    expect(warnings).toEqual(['1 tag of 4 left out: no model knows them']);
    const again = [known(0), known(1)].map((tags) => `${JSON.stringify({ id: ids[0], tags })}\n`);
    await writeFile(truth, again.join(''));
    await expect(evaluateModels({ models: [said], truth })).rejects.toThrow(`every id once, got ${ids[0]} twice`);
  });

  it('that are missing, of other models, or none are told', async () => {
    const good = await tagRun('good', 0.5);
    const at = async (name: string, text: string): Promise<string> => {
      await writeFile(join(root, name), text);
      return join(root, name);
    };
    const error = (truth: string, models = [good]): Promise<string> =>
      evaluateModels({ models, truth, samples: 10 }).then(
        () => 'none',
        ({ message }: Error) => message,
      );
    expect(await error(await at('c.csv', '1000,0100\n'))).toMatch(/c\.csv: line 1: expected tags .* got "1000,0100"/);
    expect(await error(await at('others.jsonl', '{"id":"9","tags":["猫咪"]}\n'))).toMatch(/got none of them/);
    expect(await error(await at('empty.jsonl', ''))).toMatch(/expected tags of videos.*got none/);
    expect(await error('nowhere')).toMatch(/expected annotations with tags.*got no such file/);
    const categories = await at('p.csv', '1000,0100\n');
    expect(await error('test_a', [good, categories])).toMatch(/expected tags, as of good, got categories/);
    const broken = await tagRun('broken', 0.5);
    await writeFile(finetuneFiles(join(broken, 'finetune')).tagList, '猫咪\n');
    expect(await error('test_a', [broken])).toMatch(/expected 1 probabilities of each video.* got 3/);
    await writeFile(finetuneFiles(join(broken, 'finetune')).tagList, `${TAGS.join('\n')}\n`);
    await writeFile(finetuneFiles(join(broken, 'finetune')).scores, '{"perTag":3}');
    expect(await error('test_a', [broken])).toMatch(/scores\.json: expected scores of tags/);
  });

  it('of several models are joined, measured beside baselines, and evaluated again', async () => {
    const runs = [await tagRun('good', 0.5, [0.2, 0.4, 0.6]), await tagRun('bad', 0.9, [0.4, 0.4, 0.9])];
    const truth = join(root, 'data/annotations/test_a.json');
    const result = await ensembleModels({ models: runs, truth, weights: [2, 1] });
    expect(result).toMatchObject({ kind: 'tags', measure: 'mAP', classes: TAGS });
    const mean = valuesOf(0.5).map((value, i) => (2 * value + valuesOf(0.9)[i]) / 3);
    const mAP = meanAveragePrecision(TRUTH, rowsOf(mean), size);
    expect(result.growth.at(-1)!.score).toBeCloseTo(mAP, 6);
    expect(result.singles[1].score).toBeCloseTo(meanAveragePrecision(TRUTH, rowsOf(valuesOf(0.9)), size), 6);
    expect(result.thresholds!.map((value) => value.toFixed(6))).toEqual(['0.266667', '0.400000', '0.700000']);
    expect(Object.keys(result.baselines!)).toEqual(['tag frequency', 'character overlap']);
    const out = join(root, 'fused');
    const files = await writeEnsembleReport(out, result);
    const rows = (await readFile(files.submission!, 'utf8')).trim().split('\n');
    const decided = decideTags(mean, result.thresholds!);
    rows.forEach((line, i) => {
      const { id, tags } = JSON.parse(line) as { id: string; tags: { tag: string }[] };
      const expected = TAGS.filter((_, k) => decided[i * 3 + k] === 1);
      expect([id, tags.map(({ tag }) => tag).sort()]).toEqual([ids[i], expected.sort()]);
    });
    const again = await evaluateModels({ models: [out], truth, samples: 100 });
    expect(again.models[0].measures['mAP'].value).toBeCloseTo(mAP, 5);
    const f1 = multilabelF1(TRUTH, decideTags(rowsOf(mean), result.thresholds!), size);
    expect(again.models[0].measures['macro F1'].value).toBeCloseTo(f1.macro, 6);
    const other = await tagRun('other', 0.5);
    await writeClasses(finetuneFiles(join(other, 'finetune')).tagList, [...TAGS].reverse());
    await expect(ensembleModels({ models: [runs[0], other] })).rejects.toThrow(
      'classes of good, got them in another order',
    );
  });
});
