import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { wbdcLayout, writeAnnotations, writeFrameZip, type Video } from '@wbdc/data';
import sharp from 'sharp';
import { runIn } from '../host.js';

/** Two categories, told by the colour of the frames and by the title. */
export const CATEGORIES = ['0100', '0203'];
const TITLES = ['猫', '车'];
const SETTINGS = `
data: { folder: data, trainSplits: [labeled], heldOutSplits: [test_a] }
vocab: { minFrequency: 1 }
text: { budget: 10 }
frames: { limit: 2 }
clip:
  vision: { imageSize: 16, patchSize: 8, width: 6, layers: 1, heads: 2 }
  text: { width: 6, layers: 1, heads: 2, budget: 6 }
  epochs: 1
  batchSize: 4
  framesPerVideo: 1
model: { width: 6, layers: 1, heads: 2, maxPositions: 16 }
finetune: { init: none, batchSize: 4, epochs: 2, learningRate: 0.05, rules: [], ema: 0.5 }
`;

export let folder: string;
const list = (first: number, count: number): Video[] =>
  Array.from({ length: count }, (_, i) => ({
    id: `${first}00000000000000000${i}`,
    title: TITLES[i % 2],
    asr: '叫',
    ocr: [{ time: 0, text: 'x' }],
    categoryId: CATEGORIES[i % 2],
    tags: [TITLES[i % 2]],
  }));
const labeled = list(1, 8);
export const heldOut = list(2, 5);
export const zipOf = (i: number): string => wbdcLayout(join(folder, 'data')).frameZip('test_a', heldOut[i].id);

export const run = (...args: string[]) => runIn(folder, [...args, '--engine', 'cpu']);

/** Commands that need no model have no engine. */
export const runPlain = (...args: string[]) => runIn(folder, args);

export async function stage(...args: string[]): Promise<void> {
  const { code, err } = await run(...args, '--config', 'my.yaml', '--quiet');
  if (code !== 0) throw new Error(err);
}

export const lines = (text: string): Record<string, unknown>[] =>
  text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);

/** A folder with data, and runs that were trained on it: `base` predicts categories, `sim` makes embeddings. */
export async function trainRuns(): Promise<void> {
  folder = await mkdtemp(join(tmpdir(), 'wbdc-serve-'));
  await writeFile(join(folder, 'my.yaml'), SETTINGS);
  await mkdir(join(folder, 'data/annotations'), { recursive: true });
  for (const [split, videos] of [
    ['labeled', labeled],
    ['test_a', heldOut],
  ] as const) {
    const shown = split === 'labeled' ? videos : videos.map(({ categoryId: _hidden, ...video }) => video);
    await writeAnnotations(join(folder, `data/annotations/${split}.json`), shown);
    for (const [i, { id }] of videos.entries()) {
      await writeFrameZip(wbdcLayout(join(folder, 'data')).frameZip(split, id), await frames(i));
    }
  }
  const names = {
    '0100': { group: { zh: '动物' }, subgroup: { zh: '哺乳' } },
    '0203': { group: { zh: '交通' }, subgroup: { zh: '' } },
  };
  await writeFile(join(folder, 'data/categories.json'), JSON.stringify(names));
  const pairs = labeled.flatMap(({ id }, a) => labeled.slice(a + 1).map((b, i) => `${id}\t${b.id}\t${(i % 2) / 2}\n`));
  await writeFile(join(folder, 'pairs.tsv'), pairs.join(''));
  for (const name of ['data', 'vocab', 'clip', 'features', 'finetune']) await stage(name, '--name', 'base');
  const similarity = [
    '--set',
    'finetune.kind=similarity',
    '--set',
    'finetune.width=4',
    '--set',
    'finetune.share=0',
    '--set',
    'finetune.learningRate=0.00001',
  ];
  await stage(
    'finetune',
    '--name',
    'sim',
    '--set',
    'run.base=base',
    ...similarity,
    '--set',
    'finetune.pairs={train: pairs.tsv}',
  );
}

export const removeRuns = (): Promise<void> => rm(folder, { recursive: true });

/** More frames than the limit: which ones are looked at must be those of evaluation. */
export function frames(i: number) {
  const image = async (j: number): Promise<{ name: string; bytes: Buffer }> => {
    const background = { r: i % 2 === 0 ? 250 : 10, g: 60 * j, b: 30 * i };
    const create = { width: 20, height: 18, channels: 3 as const, background };
    return { name: `${j}.jpg`, bytes: await sharp({ create }).jpeg().toBuffer() };
  };
  return Promise.all([0, 1, 2].map(image));
}
