import { join, resolve } from 'node:path';
import { aiacIndexLayout, aiacLayout, featureLayout, wbdcLayout } from '@wbdc/data';
import { exists, parseJson, readIfThere } from '@wbdc/io';
import { WbdcError } from '@wbdc/io/errors';
import { z } from 'zod';
import { changedSince } from '../contents/changes.js';
import type { Contents } from '../contents/contents.js';
import { partName, wbdcInventory, type DataKind } from '../contents/data.js';

/** Where the finetuning of a run has its data from. */
export interface RunData {
  /** Folders that may hold annotations, truth and pairs. */
  readonly roots: readonly string[];
  /** Folders that may hold stores of frame features. */
  readonly features: readonly string[];
  /** Splits with the categories that it learned from. */
  readonly labelled: readonly string[];
}

const record = z.looseObject({
  read: z.record(z.string(), z.string()).optional(),
  created: z.string().optional(),
  inputs: z.record(z.string(), z.string()).optional(),
  settings: z
    .looseObject({ finetune: z.looseObject({ splits: z.array(z.string()).optional() }).optional() })
    .optional(),
});

/**
 * What a run says of its data in the record of its finetune stage; nothing of a folder without one.
 *
 * @param data folder of one's own data set, which no record names
 */
export async function dataOf(run: string, data?: string): Promise<RunData> {
  const own = data === undefined ? [] : [data];
  const found = await recordOf(run);
  if (found === undefined) return { roots: own, features: [], labelled: ['labeled'] };
  const { folder, stage, settings } = found;
  return {
    roots: [...own, join(folder, 'aiac'), ...stage('data')],
    features: stage('features'),
    labelled: settings?.finetune?.splits ?? ['labeled'],
  };
}

/** The record of a run's finetuning, where there is one, with the folders of the stages that it read. */
async function recordOf(run: string) {
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
  };
}

/**
 * Refuses the predictions that a run has of a split where the texts or frames of the split have changed since: those of
 * the old ones would meet a truth, and baselines, of the new ones. Frames that are gone do not count.
 *
 * @throws WbdcError `predictions-outdated`
 */
export async function assertUnchanged(run: string, split: string, { roots }: RunData): Promise<void> {
  const made = await madeOf(run);
  if (made === undefined) return;
  for (const root of roots) {
    const layout = wbdcLayout(root);
    if (!(await exists(layout.annotations(split)))) continue;
    const { contents } = await wbdcInventory({ root, splits: [split] });
    const gone = !(await exists(layout.frames(split)));
    const read = MADE_OF.filter((kind) => kind !== 'frames' || !gone).map((kind) => partName({ kind, split }));
    const changed = read.filter(
      (what) => what in made.inputs && what in contents && made.inputs[what] !== contents[what],
    );
    if (changed.length > 0) throw outdated(made, split, changed);
    return;
  }
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
    const different = Object.keys(one.inputs).filter((what) => {
      const [kind, split] = what.split(' of ');
      const counts = MADE_OF.some((name) => name === kind) && !learned.has(split);
      return counts && what in first.inputs && first.inputs[what] !== one.inputs[what];
    });
    if (different.length === 0) continue;
    throw new WbdcError({
      where: one.folder,
      expected: `predictions of the data of ${first.folder}`,
      got: changedSince(different, first.created),
      advice: 'finetune the older one again from the data on',
      code: 'predictions-outdated',
    });
  }
}

/** The first path that is there. */
export async function firstThere(paths: readonly string[]): Promise<string | undefined> {
  for (const path of paths) if (await exists(path)) return path;
  return undefined;
}

/** Paths where something of a split may lie. */
export function splitPaths({ roots, features }: RunData, split: string) {
  return {
    annotations: roots.map((root) => wbdcLayout(root).annotations(split)),
    truth: roots.map((root) => wbdcLayout(root).truth(split)),
    pairs: roots.map((root) => aiacLayout(root).labels(split)),
    stores: features.map((root) => featureLayout(root).store(split)),
    records: roots.map((root) => aiacIndexLayout(root).recordIndex(split)),
  };
}
