import { isAbsolute, relative } from 'node:path';
import type { Source } from './scan.js';
import type { TextRecord } from './texts.js';
import type { Warnings } from './warnings.js';

/**
 * Which row belongs to which video. A row may name a video by its path below the folder, with or without its ending, or by
 * the name of the file alone where only one has it.
 */
export function joinRows(
  rows: readonly TextRecord[],
  sources: readonly Source[],
  { root, warnings }: { readonly root: string; readonly warnings: Warnings },
): Map<Source, TextRecord> {
  const find = finder(sources);
  const joined = new Map<Source, TextRecord>();
  for (const row of rows) {
    const found = find(below(root, row.video)) ?? find(row.id);
    const named = row.video ?? row.id!;
    if (found === undefined) warnings.add('row without video', `${row.where}: '${named}'`);
    else if (found === 'several')
      warnings.add('bad row', `${row.where}: '${named}' names more than one video: write its path`);
    else if (joined.has(found))
      warnings.add('second row', `${row.where}: '${named}' after ${joined.get(found)!.where}`);
    else joined.set(found, row);
  }
  return joined;
}

function below(root: string, name: string | undefined): string | undefined {
  return name !== undefined && isAbsolute(name) ? relative(root, name) : name;
}

function finder(sources: readonly Source[]): (name: string | undefined) => Source | 'several' | undefined {
  const maps = [(name: string) => name, withoutEnding, lastPart, (name: string) => withoutEnding(lastPart(name))].map(
    (keyOf) => index(sources, keyOf),
  );
  return (name) => {
    if (name === undefined) return undefined;
    const plain = name.normalize('NFC').replaceAll('\\', '/').replace(/^\.\//, '').replace(/\/$/, '');
    for (const key of [plain, lastPart(plain)]) {
      for (const map of maps) {
        const found = map.get(key);
        if (found !== undefined) return found;
      }
    }
    return undefined;
  };
}

function index(sources: readonly Source[], keyOf: (name: string) => string): Map<string, Source | 'several'> {
  const map = new Map<string, Source | 'several'>();
  for (const source of sources) map.set(keyOf(source.name), map.has(keyOf(source.name)) ? 'several' : source);
  return map;
}

function lastPart(name: string): string {
  return name.slice(name.lastIndexOf('/') + 1);
}

function withoutEnding(name: string): string {
  return name.replace(/\.[^./]{1,5}$/, '');
}
