import { join, resolve } from 'node:path';
import { aiacLayout, wbdcLayout } from '@wbdc/data';
import { exists, parseJson, readIfThere, readMarks } from '@wbdc/io';
import { WbdcError } from '@wbdc/io/errors';
import { z } from 'zod';
import { changedSince } from './changes.js';
import type { Contents, Inventory } from './contents.js';
import { aiacInventory, partName, wbdcInventory, type DataKind } from './data.js';
import { MARKS_FILE } from './stage-contents.js';

const hashes = z.record(z.string(), z.string());
const record = z.looseObject({
  read: hashes.optional(),
  created: z.string().optional(),
  inputs: hashes.optional(),
  contents: hashes.optional(),
  settings: z
    .looseObject({
      data: z
        .looseObject({
          folder: z.string().nullish(),
          frames: z.string().optional(),
          features: z.string().optional(),
        })
        .optional(),
      finetune: z.looseObject({ splits: z.array(z.string()).optional() }).optional(),
    })
    .optional(),
});

/** The record of a run's finetuning, where there is one, with the folders of the stages that it read. */
export async function recordOf(run: string) {
  for (const folder of [run, join(run, 'finetune')]) {
    const path = join(folder, 'stage.json');
    const text = await readIfThere(path);
    const parsed = text === undefined ? undefined : record.safeParse(parseJson(text, path)).data;
    if (parsed === undefined) continue;
    const { read = {} } = parsed;
    return { ...parsed, folder, stage: (name: string) => (name in read ? [resolve(folder, read[name])] : []) };
  }
  return undefined;
}

/** What of a split predictions are made of. */
const MADE_OF: readonly DataKind[] = ['videos', 'texts', 'frames', 'records'];

interface MadeOf {
  readonly folder: string;
  readonly created: string;
  readonly labelled: readonly string[];
  /** Hashes of the data that the finetuning read, and those that its features were made of. */
  readonly inputs: Contents;
  /** The folder of its data stage. */
  readonly data: string | undefined;
}

async function madeOf(run: string): Promise<MadeOf | undefined> {
  const found = await recordOf(run);
  if (found?.inputs === undefined) return undefined;
  const { folder, stage, created = 'then', inputs, settings } = found;
  const [features] = stage('features');
  const frames = features === undefined ? undefined : await recordOf(features);
  return {
    folder,
    created,
    labelled: settings?.finetune?.splits ?? ['labeled'],
    inputs: { ...frames?.inputs, ...inputs },
    data: stage('data')[0],
  };
}

/** Splits that something was read of, those aside that were learned from. */
function predictedSplits({ inputs, labelled }: MadeOf): string[] {
  const parts = Object.keys(inputs).map((what) => what.split(' of '));
  const splits = parts.flatMap(([kind, split]) => (split && MADE_OF.some((one) => one === kind) ? [split] : []));
  return [...new Set(splits)].filter((split) => !labelled.includes(split));
}

/**
 * Refuses the predictions that a run has where texts, frames or records have changed since: those of the old ones would
 * meet a truth, and baselines, of the new ones. Frames that are gone do not count. Looked at is the data set as it is,
 * or else what the run's data stage has last read of it.
 *
 * @param truth what they are measured on: a split, or a file; of one that is of no split all that was predicted counts
 * @param roots folders that may hold the data set, besides the one that its data stage has read
 * @param from the folder that the latter's name starts from
 * @throws WbdcError `predictions-outdated`
 */
export async function assertUnchanged(run: string, truth: string, roots: readonly string[], from = '.'): Promise<void> {
  const made = await madeOf(run);
  if (made === undefined) return;
  const stage = made.data === undefined ? undefined : await recordOf(made.data);
  const named = stage?.settings?.data?.folder;
  const all = [...roots, ...(named == null ? [] : [resolve(from, named)])];
  const known = stage && made.data !== undefined ? await knownOf(made.data, stage.contents) : undefined;
  for (const split of splitsMeant(truth, all, made)) {
    const now = (await lookAt(split, all, made.inputs, known)) ?? stage?.contents ?? {};
    const read = MADE_OF.map((kind) => partName({ kind, split }));
    const changed = read.filter((what) => what in made.inputs && what in now && made.inputs[what] !== now[what]);
    if (changed.length > 0) throw outdated(made, split, changed);
  }
}

async function knownOf(folder: string, contents: Contents = {}): Promise<Inventory> {
  return { contents, marks: await readMarks(join(folder, MARKS_FILE)) };
}

/** The split that is named, or that a file belongs to; or else all that were predicted. */
function splitsMeant(truth: string, roots: readonly string[], made: MadeOf): string[] {
  const predicted = predictedSplits(made);
  if (predicted.includes(truth) || !/[/\\.]/.test(truth)) return [truth];
  const path = resolve(truth);
  const own = predicted.filter((split) =>
    roots.some((root) => {
      const { annotations, truth: categories } = wbdcLayout(root);
      const paths = [annotations(split), categories(split), aiacLayout(root).labels(split)];
      return paths.some((one) => resolve(one) === path);
    }),
  );
  return own.length > 0 ? own : predicted;
}

/** Hashes of a split in the first folder that holds it; nothing where none does. */
async function lookAt(
  split: string,
  roots: readonly string[],
  inputs: Contents,
  known: Inventory | undefined,
): Promise<Contents | undefined> {
  const inRecords = partName({ kind: 'records', split }) in inputs;
  for (const root of roots) {
    const layout = wbdcLayout(root);
    const place = inRecords ? aiacLayout(root).records(split) : layout.annotations(split);
    if (!(await exists(place))) continue;
    const options = { root, splits: [split], known };
    if (inRecords) return (await aiacInventory(options)).contents;
    const { contents } = await wbdcInventory(options);
    if (await exists(layout.frames(split))) return contents;
    const frames = partName({ kind: 'frames', split });
    return Object.fromEntries(Object.entries(contents).filter(([what]) => what !== frames));
  }
  return undefined;
}

function outdated({ folder, created }: MadeOf, split: string, changed: readonly string[]): WbdcError {
  return new WbdcError({
    where: folder,
    expected: `predictions of ${split} as it is`,
    got: changedSince(changed, created),
    advice: 'finetune again from the data on, or name a file with predictions of the data as they are',
    code: 'predictions-outdated',
  });
}

/**
 * Refuses to join runs that predicted different things under one name: the data changed between them.
 *
 * @throws WbdcError `predictions-outdated`
 */
export async function assertMadeOfTheSame(runs: readonly string[]): Promise<void> {
  const made = (await Promise.all(runs.map(madeOf))).filter((one) => one !== undefined);
  for (const one of made.slice(1)) {
    const [first] = made;
    const learned = new Set([...first.labelled, ...one.labelled]);
    const splits = predictedSplits(one).filter((split) => !learned.has(split));
    assertSame(first, one, splits, 'finetune the older one again from the data on');
  }
}

/**
 * Refuses to teach by what models have said of splits that were others then.
 *
 * @param folder of the finetuning that learns from it
 * @throws WbdcError `predictions-outdated`
 */
export async function assertTaughtOfTheSame(
  folder: string,
  teachers: readonly string[],
  splits: readonly string[],
): Promise<void> {
  const own = await madeOf(folder);
  if (own === undefined) return;
  for (const teacher of (await Promise.all(teachers.map(madeOf))).filter((one) => one !== undefined)) {
    assertSame(own, teacher, splits, 'finetune the teacher again from the data on');
  }
}

function assertSame(first: MadeOf, one: MadeOf, splits: readonly string[], advice: string): void {
  const read = splits.flatMap((split) => MADE_OF.map((kind) => partName({ kind, split })));
  const different = read.filter((what) => {
    return what in first.inputs && what in one.inputs && first.inputs[what] !== one.inputs[what];
  });
  if (different.length === 0) return;
  throw new WbdcError({
    where: one.folder,
    expected: `predictions of the data of ${first.folder}`,
    got: changedSince(different, first.created),
    advice,
    code: 'predictions-outdated',
  });
}
