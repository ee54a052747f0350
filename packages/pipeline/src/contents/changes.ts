import { createHash } from 'node:crypto';
import { differences, type Difference } from '@wbdc/io/errors';
import type { Contents } from './contents.js';

/** Settings as plain data. */
type Settings = { readonly [name: string]: unknown };

/** What a stage is made from. */
export interface Making<S extends Settings = Settings> {
  readonly settings: S;
  readonly upstream: Readonly<Record<string, string>>;
  readonly inputs?: Contents;
}

/** In what two makings of a stage differ. */
export interface Changes {
  readonly settings: readonly Difference[];
  /** Of the data set and of files that settings name: `labels of labeled`. */
  readonly contents: readonly string[];
  /** Stages that it was made from. */
  readonly stages: readonly string[];
}

/**
 * What differs between how a stage was made and how it would be now; nothing where all is the same.
 *
 * @param asNow gives old settings the defaults of those that they lack
 */
export function changesOf<S extends Settings>(
  before: Making<S>,
  now: Making<S>,
  asNow: (settings: S) => S = (settings) => settings,
): Changes | undefined {
  const raw = differences(before.settings, now.settings);
  const settings = raw.length === 0 ? raw : differences(asNow(before.settings), now.settings);
  const contents = before.inputs && now.inputs ? differing(before.inputs, now.inputs) : [];
  const stages = differing(before.upstream, now.upstream);
  return settings.length + contents.length + stages.length === 0 ? undefined : { settings, contents, stages };
}

function differing(before: Readonly<Record<string, string>>, now: Readonly<Record<string, string>>): string[] {
  return differences(before, now).map(({ path }) => path);
}

/** `labels, texts changed since 2026-01-02T03:04:05.000Z (labels of labeled, texts of labeled)` */
export function changedSince(contents: readonly string[], created: string): string {
  const kinds = [...new Set(contents.map((name) => name.replace(/ of .*$/, '')))];
  const all = contents.join() === kinds.join() ? '' : ` (${contents.join(', ')})`;
  return `${kinds.join(', ')} changed since ${created}${all}`;
}

/** Hash of plain data that does not depend on the order of keys, nor on absent ones. */
export function fingerprintOf(value: Settings): string {
  return createHash('sha256').update(canonical(value)).digest('hex').slice(0, 16);
}

function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  const entries = Object.entries(value).filter(([, item]) => item !== undefined);
  return `{${entries
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, item]) => `${JSON.stringify(key)}:${canonical(item)}`)
    .join(',')}}`;
}
