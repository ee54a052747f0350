import { dirname, join, resolve } from 'node:path';
import { aiacIndexLayout, aiacLayout, featureLayout, wbdcLayout } from '@wbdc/data';
import { exists } from '@wbdc/io';
import { isRemote } from '@wbdc/io/remote';
import { recordOf } from '../contents/predictions.js';

/** Where the finetuning of a run has its data from. */
export interface RunData {
  /** Folders that may hold annotations, truth and pairs. */
  readonly roots: readonly string[];
  /** Folders, or addresses, that may hold stores of frame features. */
  readonly features: readonly string[];
  /** The address of the frames, where they are on a server; else they lie in one of the folders. */
  readonly frames?: string | undefined;
  /** Splits with the categories that it learned from. */
  readonly labelled: readonly string[];
}

/** What the first of some models says of its data that says anything: a file or an ensemble does not. */
export async function dataOfFirst(models: readonly string[], data?: string, from = '.'): Promise<RunData> {
  for (const model of models) if ((await recordOf(model)) !== undefined) return dataOf(model, data, from);
  return dataOf(models[0], data, from);
}

/**
 * What a run says of its data in the records of its finetune and data stages; nothing of a folder without them.
 *
 * @param data folder of one's own data set, where it is another one or has moved
 * @param from the folder that a relative `data.features` starts from
 */
export async function dataOf(run: string, data?: string, from = '.'): Promise<RunData> {
  const own = data === undefined ? [] : [data];
  const found = await recordOf(run);
  if (found === undefined) return { roots: own, features: [], labelled: ['labeled'] };
  const { folder, stage, settings } = found;
  const named = settings?.data?.features;
  const [[computed], [checked]] = [stage('features'), stage('data')];
  const made = computed === undefined ? undefined : await recordOf(computed);
  const given = checked === undefined ? undefined : (await recordOf(checked))?.settings?.data?.folder;
  const one = given == null ? [] : [resolve(from, given)];
  return {
    roots: [...own, join(folder, 'aiac'), ...stage('data'), ...one],
    features: named === undefined ? stage('features') : [isRemote(named) ? named : resolve(from, named)],
    // A data set that brings its frames is another one than those on the server are of.
    frames: (await bringsFrames(data)) ? undefined : (settings?.data?.frames ?? made?.settings?.data?.frames),
    labelled: settings?.finetune?.splits ?? ['labeled'],
  };
}

async function bringsFrames(data: string | undefined): Promise<boolean> {
  return data !== undefined && exists(dirname(wbdcLayout(data).frames('any')));
}

/** The first path that is there; an address counts as that. */
export async function firstThere(paths: readonly string[]): Promise<string | undefined> {
  for (const path of paths) if (isRemote(path) || (await exists(path))) return path;
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
