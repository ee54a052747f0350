import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { chooseClasses, countClasses, writeCategories } from '@wbdc/finetune';
import { writeAtomically, writeBytesAtomically } from '../../files.js';
import { counted, formatNumber } from '../../format.js';
import type { StageContext } from '../../stage.js';
import type { Conclusion } from '../training.js';
import { CATEGORIES_FILE, readTruth } from './category-data.js';
import { judge, mostFrequent } from './category-scores.js';
import { OUT_OF_FOLD } from './category.js';
import { combineFiles, probabilityLines, type Predicted } from './probabilities.js';
import { predictionsPath } from './teachers.js';

interface OutOfFold {
  readonly fold: number;
  readonly category: string;
  readonly predicted: string;
}

/** Gathers out-of-fold predictions and averages what the folds' models say of the other splits. */
export async function combineCategories(context: StageContext, folders: readonly string[]): Promise<Conclusion> {
  const path = (name: string): string => join(context.folder, name);
  const list = await readFile(join(folders[0], CATEGORIES_FILE), 'utf8');
  await writeAtomically(path(CATEGORIES_FILE), list);
  const rows: OutOfFold[] = [];
  await writeBytesAtomically(path(OUT_OF_FOLD), outOfFoldLines(folders, rows));
  const truth = rows.map(({ category }) => category);
  const { details, measured } = judge(
    truth,
    rows.map(({ predicted }) => predicted),
    mostFrequent(truth),
  );
  const classes = list.trim().split('\n');
  const counts = countClasses(truth, classes);
  const rare = { counts, strength: context.config.finetune.rareClass };
  const predictions = new Map<string, string>();
  const choosing = async function* (parts: AsyncIterable<Predicted>): AsyncGenerator<Predicted> {
    for await (const part of parts) {
      chooseClasses(part.values, classes, rare).forEach((name, i) => predictions.set(part.ids[i], name));
      yield part;
    }
  };
  const meanOf = (name: string) => combineFiles(folders.map((folder) => join(folder, name)));
  await writeBytesAtomically(path('probabilities.jsonl'), probabilityLines(choosing(meanOf('probabilities.jsonl'))));
  await writeAtomically(path('result.csv'), writeCategories(predictions));
  for (const split of context.config.finetune.predict) {
    await writeBytesAtomically(
      predictionsPath(context.folder, split),
      probabilityLines(meanOf(predictionsPath('', split))),
    );
  }
  const heldOut = await judgeHeldOut(context, predictions, mostFrequent(truth));
  await writeAtomically(path('scores.json'), `${JSON.stringify({ ...details, heldOut: heldOut.details }, null, 2)}\n`);
  return {
    made: [
      {
        path: path('result.csv'),
        about: `categories of ${counted(predictions.size, 'video')} by the mean of all folds`,
      },
      { path: path('probabilities.jsonl'), about: 'that mean' },
      { path: path(OUT_OF_FOLD), about: `${counted(rows.length, 'video')}, each by the model that did not learn it` },
      { path: path('scores.json'), about: 'out-of-fold scores, confusion of level 1, every category' },
    ],
    summary: {
      'out-of-fold score': formatNumber(measured['score'].value),
      ...(heldOut.measured['score'] && { 'held-out score of the mean': formatNumber(heldOut.measured['score'].value) }),
      measured: Object.fromEntries(Object.entries(measured).map(([name, { value }]) => [name, value])),
    },
  };
}

async function* outOfFoldLines(folders: readonly string[], rows: OutOfFold[]): AsyncGenerator<string> {
  for (const folder of folders) {
    for await (const line of createInterface(createReadStream(join(folder, OUT_OF_FOLD), 'utf8'))) {
      const { fold, category, predicted } = JSON.parse(line) as OutOfFold;
      rows.push({ fold, category, predicted });
      yield `${line}\n`;
    }
  }
}

/** The mean of the folds on the held-out splits, where their truth is known. */
async function judgeHeldOut(context: StageContext, predictions: ReadonlyMap<string, string>, majority: string) {
  const known = [...(await readTruth(context))].filter(([id]) => predictions.has(id));
  return judge(
    known.map(([, category]) => category),
    known.map(([id]) => predictions.get(id)!),
    majority,
  );
}
