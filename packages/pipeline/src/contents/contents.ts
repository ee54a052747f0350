import { createHash } from 'node:crypto';
import { NO_FILE, type FileMarks } from '@wbdc/io';

/** Hashes of what something holds, by what it is called: `labels of labeled`. A type alias: it counts as plain data. */
export type Contents = { readonly [what: string]: string };

/** What something holds, and the marks of the files that say so, by which a later look reads only what has changed. */
export interface Inventory {
  readonly contents: Contents;
  readonly marks: FileMarks;
}

export interface InventoryOptions {
  /** An earlier look at the same. */
  readonly known?: Inventory | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What differs between two looks at the same, by name; what only one of them knows of differs too. */
export function changedContents(before: Contents, after: Contents): string[] {
  const names = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...names].filter((name) => before[name] !== after[name]);
}

/** One hash of several files, in their order. */
export function hashOfMarks(marks: FileMarks): string {
  const hash = createHash('sha256');
  for (const [name, mark] of marks) hash.update(`${name}\n${mark.hash}\n`);
  return shortHash(hash);
}

/** Of a growing text; the hash is that of all parts so far. */
export function shortHash(hash: ReturnType<typeof createHash>): string {
  return hash.digest('hex').slice(0, 32);
}

/** The hash of something that is not there. */
export const NOTHING = NO_FILE;
