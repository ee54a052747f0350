import { resolve } from 'node:path';
import type { Dataset } from '@wbdc/data';
import { distilledExamples, unlabelledVideos, type CategoryExample } from '@wbdc/finetune';
import { combineProbabilityFiles, finetuneFiles, readClasses } from '@wbdc/finetune/node';
import { exists } from '@wbdc/io';
import type { Config } from '../../config/schema.js';
import { UserError } from '../../errors.js';
import { counted } from '../../format.js';
import type { StageContext } from '../../stage.js';

type Settings = NonNullable<Config['finetune']['distill']>;

/** What an ensemble says of videos that have no label of their own. */
export async function readTeaching(
  context: StageContext,
  settings: Settings,
  dataset: Dataset,
  classes: readonly string[],
): Promise<CategoryExample[]> {
  const folders = settings.from.map((folder) => resolve(context.output.terminal.folder, folder));
  await assertTeachers(folders, settings, classes);
  const unlabelled = unlabelledVideos(dataset);
  const examples: CategoryExample[] = [];
  let seen = 0;
  for (const split of settings.splits) {
    const files = folders.map((folder) => finetuneFiles(folder).probabilitiesOf(split));
    for await (const block of combineProbabilityFiles(files, settings.weights ?? undefined)) {
      context.signal.throwIfAborted();
      const taught = distilledExamples(block, unlabelled, settings);
      examples.push(...taught.examples);
      seen += taught.seen;
    }
  }
  return assertTaught(examples, seen, context, settings);
}

async function assertTeachers(folders: readonly string[], { splits }: Settings, classes: readonly string[]) {
  for (const folder of folders) {
    const files = finetuneFiles(folder);
    if (!(await exists(files.classes))) {
      throw new UserError(
        `finetune.distill.from: expected a finetune stage that predicts categories at ${folder}, got none`,
      );
    }
    const known = await readClasses(files.classes);
    if (known.join() !== classes.join()) {
      throw new UserError(
        `finetune.distill.from: ${folder} knows other categories (${known.length}) than ` +
          `finetune.splits have here (${classes.length}): teach from models of the same labelled splits`,
      );
    }
    for (const split of splits) {
      if (await exists(files.probabilitiesOf(split))) continue;
      throw new UserError(
        `finetune.distill.splits: ${folder} has not predicted ${split}: finetune that one with finetune.predict=[${split}]`,
      );
    }
  }
}

function assertTaught(
  examples: CategoryExample[],
  seen: number,
  { output }: StageContext,
  { minConfidence, splits }: Settings,
) {
  const said = `${counted(examples.length, 'video')} of ${splits.join(', ')} taught by the ensemble`;
  if (examples.length > 0) {
    output.say(`${said}, ${seen - examples.length} less sure than ${minConfidence} left out`);
    return examples;
  }
  throw new UserError(
    seen === 0
      ? `finetune.distill.splits: expected predictions of videos of ${splits.join(', ')}, got only others'`
      : `finetune.distill.minConfidence: expected videos as sure as ${minConfidence}, got none of ${seen}: lower it`,
  );
}
