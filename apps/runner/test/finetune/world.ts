import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { createFeatureStore, writeAnnotations, type Video } from '@wbdc/data';
import { floats } from '@wbdc/nn';
import { Tokenizer, trainVocabulary } from '@wbdc/tokenizer';
import { saveTokenizer } from '@wbdc/tokenizer/node';
import { RunFolder } from '../../src/run/run-folder.js';
import type { StageContext } from '../../src/run/stage.js';
import { stageContext } from '../stage-context.js';

export const WIDTH = 5;
export const CATEGORIES = ['0100', '0101', '0203'];
/** The title tells the category: a few steps of learning are no proof, but the right answer exists. */
const WORDS = ['cat', 'dog', 'bus'];

const videos = (from: number, count: number): Video[] =>
  Array.from({ length: count }, (_, i) => ({
    id: `1${String(from + i).padStart(18, '0')}`,
    title: WORDS[i % 3],
    asr: '',
    ocr: [],
    categoryId: CATEGORIES[i % 3],
  }));
const withoutLabels = (list: readonly Video[]): Video[] => list.map(({ categoryId: _hidden, ...video }) => video);

export const labeled = videos(0, 13);
export const unlabeled = withoutLabels(videos(50, 11));
export const heldOut = withoutLabels(videos(100, 7));

const SETTINGS = [
  'data.folder=data',
  'data.trainSplits=[unlabeled, labeled]',
  'model={width: 6, layers: 1, heads: 2, maxPositions: 16}',
  'text.budget=8',
  'finetune={init: none, batchSize: 3, epochs: 1, learningRate: 0.01, rules: [], width: 4}',
];

/** A small data set with features in a folder of its own, on the engine `cpu`. */
export interface World {
  readonly folder: string;
  readonly run: RunFolder;
  /** What the stages printed. */
  readonly said: string[];
  context(stage: string, set?: readonly string[], own?: Partial<StageContext>): Promise<StageContext>;
  read(context: StageContext, name: string): Promise<string>;
  remove(): Promise<void>;
}

export async function makeWorld(): Promise<World> {
  await tf.setBackend('cpu');
  const folder = await mkdtemp(join(tmpdir(), 'wbdc-finetune-'));
  const run = new RunFolder(join(folder, 'run'), 'run');
  const said: string[] = [];
  await mkdir(join(folder, 'data/annotations'), { recursive: true });
  for (const [split, list] of Object.entries({ labeled, unlabeled, test_a: heldOut })) {
    await writeAnnotations(join(folder, `data/annotations/${split}.json`), list);
    await writeFeatures(run, split, list);
  }
  const truth = [...heldOut, { id: '1999999999999999999' }].map(({ id }, i) => `${id},${CATEGORIES[i % 3]}\n`);
  await writeFile(join(folder, 'data/annotations/test_a_truth.csv'), truth.join(''));
  await saveTokenizer(
    Tokenizer.fromVocab(trainVocabulary(WORDS, { size: 40, minFrequency: 1 })),
    run.folderOf('vocab'),
  );
  const write = (text: string): void => void said.push(text);
  return {
    folder,
    run,
    said,
    context: (stage, set = [], own = {}) =>
      stageContext({ folder, run, stage, set: [...SETTINGS, ...set], write }, own),
    read: (context, name) => readFile(join(context.folder, name), 'utf8'),
    remove: () => rm(folder, { recursive: true }),
  };
}

async function writeFeatures(run: RunFolder, split: string, list: readonly { id: string }[]): Promise<void> {
  await mkdir(run.folderOf('features'), { recursive: true });
  const path = join(run.folderOf('features'), `${split}.zip`);
  const store = await createFeatureStore(path, { width: WIDTH, recipe: { made: 'up' } });
  for (const [i, { id }] of list.entries())
    await store.add(id, floats([1, WIDTH], new Float32Array(WIDTH).fill(i % 3)));
  await store.finish();
}

/** The lines of a file of JSON lines. */
export function linesOf<T>(text: string): T[] {
  return text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as T);
}
