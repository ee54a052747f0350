import { dirname, join, resolve } from 'node:path';
import type { Dataset } from '@wbdc/data';
import { distilledExamples, unlabelledVideos, type CategoryExample } from '@wbdc/finetune';
import { combineProbabilityFiles, finetuneFiles, readClasses } from '@wbdc/finetune/node';
import { exists } from '@wbdc/io';
import { WbdcError } from '@wbdc/io/errors';
import { assertTaughtOfTheSame } from '../contents/predictions.js';
import { counted } from '@wbdc/report/format';
import type { FinetuneSettings } from '../settings/finetune.js';
import type { RunOptions } from '../training/run.js';

type Settings = NonNullable<FinetuneSettings['distill']>;

/**
 * What an ensemble of finetuned models says of videos that have no label of their own.
 *
 * @param settings `from` names the models, each of which has predicted `splits`: a finetune stage, its run, or the
 *   model or a checkpoint in it
 * @throws WbdcError where a folder holds no such predictions, or those of data that changed since, or nobody is sure
 *   enough
 */
export async function readTeaching(
  { from, ...others }: Settings,
  dataset: Dataset,
  classes: readonly string[],
  { folder, signal, observer }: Partial<Pick<RunOptions, 'folder' | 'signal' | 'observer'>> = {},
): Promise<CategoryExample[]> {
  const settings = { ...others, from: await Promise.all(from.map(stageOf)) };
  await assertTeachers(settings, classes);
  if (folder !== undefined) await assertTaughtOfTheSame(folder, settings.from, settings.splits);
  const unlabelled = unlabelledVideos(dataset);
  const examples: CategoryExample[] = [];
  let seen = 0;
  for (const split of settings.splits) {
    const files = settings.from.map((folder) => finetuneFiles(folder).probabilitiesOf(split));
    for await (const block of combineProbabilityFiles(files, settings.weights ?? undefined)) {
      signal?.throwIfAborted();
      const taught = distilledExamples(block, unlabelled, settings);
      examples.push(...taught.examples);
      seen += taught.seen;
    }
  }
  assertTaught(examples.length, seen, settings);
  const videos = counted(examples.length, 'video');
  const unsure = `${seen - examples.length} less sure than ${settings.minConfidence} left out`;
  observer?.onMessage?.(`${videos} of ${settings.splits.join(', ')} taught by the ensemble, ${unsure}`);
  return examples;
}

/** The folder of the finetune stage that a path to its model leads to. */
async function stageOf(path: string): Promise<string> {
  const paths = [path, join(path, 'finetune'), dirname(resolve(path)), dirname(dirname(resolve(path)))];
  for (const folder of paths) if (await exists(finetuneFiles(folder).classes)) return folder;
  return path;
}

async function assertTeachers({ from, splits }: Settings, classes: readonly string[]): Promise<void> {
  for (const folder of from) {
    const files = finetuneFiles(folder);
    if (!(await exists(files.classes))) {
      throw new WbdcError({
        where: 'finetune.distill.from',
        expected: `a finetune stage that predicts categories at ${folder}`,
        got: 'none',
      });
    }
    const known = await readClasses(files.classes);
    if (known.join() !== classes.join()) {
      throw new WbdcError(
        `finetune.distill.from: ${folder} knows other categories (${known.length}) than ` +
          `finetune.splits have here (${classes.length}): teach from models of the same labelled splits`,
      );
    }
    for (const split of splits) {
      if (await exists(files.probabilitiesOf(split))) continue;
      const advice = `finetune that one with finetune.predict=[${split}]`;
      throw new WbdcError(`finetune.distill.splits: ${folder} has not predicted ${split}: ${advice}`);
    }
  }
}

function assertTaught(count: number, seen: number, { minConfidence, splits }: Settings): void {
  if (count > 0) return;
  if (seen === 0) {
    const expected = `predictions of videos of ${splits.join(', ')}`;
    throw new WbdcError({ where: 'finetune.distill.splits', expected, got: "only others'" });
  }
  throw new WbdcError({
    where: 'finetune.distill.minConfidence',
    expected: `videos as sure as ${minConfidence}`,
    got: `none of ${seen}`,
    advice: 'lower it',
  });
}
