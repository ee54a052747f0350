import { join, resolve } from 'node:path';
import type { Dataset } from '@wbdc/data';
import type { Config } from '../../config/schema.js';
import { UserError } from '../../errors.js';
import { exists, readIfThere } from '../../files.js';
import { counted } from '../../format.js';
import type { StageContext } from '../../stage.js';
import { CATEGORIES_FILE, type Lesson } from './category-data.js';
import { combineFiles } from './probabilities.js';

type Settings = NonNullable<Config['finetune']['distill']>;

/** Where a finetune stage leaves what it says of a split that `finetune.predict` names. */
export function predictionsPath(folder: string, split: string): string {
  return join(folder, `${split}.probabilities.jsonl`);
}

/** What an ensemble says of videos that have no label of their own. */
export async function readTeaching(
  context: StageContext,
  settings: Settings,
  dataset: Dataset,
  classes: readonly string[],
): Promise<Lesson[]> {
  const folders = settings.from.map((folder) => resolve(context.output.terminal.folder, folder));
  await assertTeachers(folders, settings, classes);
  const unlabelled = new Map<string, number>();
  for (let i = 0; i < dataset.size; i++) if (dataset.text(i).categoryId === undefined) unlabelled.set(dataset.id(i), i);
  const lessons: Lesson[] = [];
  let seen = 0;
  for (const split of settings.splits) {
    const files = folders.map((folder) => predictionsPath(folder, split));
    for await (const { ids, values } of combineFiles(files, settings.weights ?? undefined)) {
      context.signal.throwIfAborted();
      ids.forEach((id, i) => {
        const index = unlabelled.get(id);
        if (index === undefined) return;
        seen++;
        const lesson = lessonOf(values.slice(i * classes.length, (i + 1) * classes.length), index, settings);
        if (lesson !== undefined) lessons.push(lesson);
      });
    }
  }
  return assertTaught(lessons, seen, context, settings);
}

/** The opinion itself or its most probable class; nothing where it is not sure enough. */
function lessonOf(row: Float32Array, index: number, { labels, minConfidence, weight }: Settings): Lesson | undefined {
  const most = Math.max(...row);
  if (most < minConfidence) return undefined;
  return { index, label: labels === 'soft' ? row : row.indexOf(most), weight };
}

async function assertTeachers(folders: readonly string[], { splits }: Settings, classes: readonly string[]) {
  for (const folder of folders) {
    const list = await readIfThere(join(folder, CATEGORIES_FILE));
    if (list === undefined) {
      throw new UserError(
        `finetune.distill.from: expected a finetune stage that predicts categories at ${folder}, got none`,
      );
    }
    if (list.trim() !== classes.join('\n')) {
      throw new UserError(
        `finetune.distill.from: ${folder} knows other categories (${list.trim().split('\n').length}) than ` +
          `finetune.splits have here (${classes.length}): teach from models of the same labelled splits`,
      );
    }
    for (const split of splits) {
      if (await exists(predictionsPath(folder, split))) continue;
      throw new UserError(
        `finetune.distill.splits: ${folder} has not predicted ${split}: finetune that one with finetune.predict=[${split}]`,
      );
    }
  }
}

function assertTaught(lessons: Lesson[], seen: number, { output }: StageContext, { minConfidence, splits }: Settings) {
  const said = `${counted(lessons.length, 'video')} of ${splits.join(', ')} taught by the ensemble`;
  if (lessons.length > 0) {
    output.say(`${said}, ${seen - lessons.length} less sure than ${minConfidence} left out`);
    return lessons;
  }
  throw new UserError(
    seen === 0
      ? `finetune.distill.splits: expected predictions of videos of ${splits.join(', ')}, got only others'`
      : `finetune.distill.minConfidence: expected videos as sure as ${minConfidence}, got none of ${seen}: lower it`,
  );
}
