import { resolve } from 'node:path';
import type { StageContext } from '../run/stage.js';

type Place = Pick<StageContext, 'config' | 'upstream' | 'output'>;

/** The root of the annotations in the WBDC layout: the user's folder, or what the data stage made. */
export function dataRoot(context: Place): string {
  return context.config.data.layout === 'wbdc'
    ? (ownFolder(context) ?? context.upstream('data'))
    : context.upstream('data');
}

/** The user's folder, where there is one. */
export function ownFolder({ config, output }: Pick<StageContext, 'config' | 'output'>): string | undefined {
  const { folder } = config.data;
  return folder === null ? undefined : resolve(output.terminal.folder, folder);
}

/** Splits whose texts are learned from: of the corpus too, where there is one. */
export function textSplits({ data, corpus }: StageContext['config']): string[] {
  return [...data.trainSplits, ...(corpus?.splits ?? [])];
}

/** Every split a run reads, each once. */
export function allSplits({ trainSplits, heldOutSplits }: StageContext['config']['data']): string[] {
  return [...new Set([...trainSplits, ...heldOutSplits])];
}
