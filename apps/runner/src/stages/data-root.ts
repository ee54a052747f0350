import { join, resolve } from 'node:path';
import type { StageContext } from '../stage.js';

/** The root of the data set in the official WBDC layout: the user's folder, or what the data stage built. */
export function dataRoot({ config, upstream, output }: Pick<StageContext, 'config' | 'upstream' | 'output'>): string {
  const { folder } = config.data;
  return folder === null ? upstream('data') : resolve(output.terminal.folder, folder);
}

export function annotationsPath(root: string, split: string): string {
  return join(root, 'annotations', `${split}.json`);
}

/** Every split a run reads, each once. */
export function allSplits({ trainSplits, heldOutSplits }: StageContext['config']['data']): string[] {
  return [...new Set([...trainSplits, ...heldOutSplits])];
}
