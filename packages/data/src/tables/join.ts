import { isAbsolute, relative } from 'node:path';
import { withoutEnding } from '@wbdc/io';
import type { TextRecord } from './records.js';

/** Why a row is not used: it names no video, several, or one that an earlier row has. */
export type RowProblem = 'row without video' | 'bad row' | 'second row';

export interface JoinOptions {
  /** Absolute names in the table are taken relative to this folder. */
  readonly root: string;
  /** Called with every row that is not used. */
  readonly onProblem: (problem: RowProblem, message: string) => void;
}

/**
 * The row of each video that has one. A row may name a video by its path below the folder, with or without its
 * extension, or by the name of the file alone where only one has it.
 *
 * @param videos by their paths below `root`, with `/` as separator
 */
export function joinRows<V extends { readonly name: string }>(
  rows: readonly TextRecord[],
  videos: readonly V[],
  { root, onProblem }: JoinOptions,
): Map<V, TextRecord> {
  const find = findVideo(videos);
  const joined = new Map<V, TextRecord>();
  for (const row of rows) {
    const video = find(below(root, row.video)) ?? find(row.id);
    const named = row.video ?? row.id!;
    if (video === undefined) onProblem('row without video', `${row.where}: '${named}'`);
    else if (video === 'several')
      onProblem('bad row', `${row.where}: '${named}' names more than one video: write its path`);
    else if (joined.has(video)) onProblem('second row', `${row.where}: '${named}' after ${joined.get(video)!.where}`);
    else joined.set(video, row);
  }
  return joined;
}

function below(root: string, name: string | undefined): string | undefined {
  return name !== undefined && isAbsolute(name) ? relative(root, name) : name;
}

type Index<V> = ReadonlyMap<string, V | 'several'>;

/**
 * Looks videos up by their names: whole, then without the extension, then the last segment of either; `several` where
 * more than one is called so.
 */
export function findVideo<V extends { readonly name: string }>(videos: readonly V[]) {
  const keys = [(name: string) => name, withoutEnding, lastSegment, (n: string) => withoutEnding(lastSegment(n))];
  const indexes = keys.map((keyOf) => indexBy(videos, ({ name }) => keyOf(name)));
  return (name: string | undefined): V | 'several' | undefined => {
    if (name === undefined) return undefined;
    const plain = name.normalize('NFC').replaceAll('\\', '/').replace(/^\.\//, '').replace(/\/$/, '');
    // pandas writes whole numbers of a column with gaps as 12345.0
    const whole = /^\d+\.0$/.test(plain) ? [plain.slice(0, -2)] : [];
    for (const key of [plain, lastSegment(plain), ...whole]) {
      for (const index of indexes) {
        const video = index.get(key);
        if (video !== undefined) return video;
      }
    }
    return undefined;
  };
}

function indexBy<V>(videos: readonly V[], keyOf: (video: V) => string): Index<V> {
  const index = new Map<string, V | 'several'>();
  for (const video of videos) index.set(keyOf(video), index.has(keyOf(video)) ? 'several' : video);
  return index;
}

function lastSegment(name: string): string {
  return name.slice(name.lastIndexOf('/') + 1);
}
