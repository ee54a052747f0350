import { relative } from 'node:path';
import { parse } from 'yaml';
import { WbdcError } from '@wbdc/io/errors';

/** A configuration before it is checked: plain data in which every part knows where it was written. */
export type Setting = SettingMap | SettingList | SettingValue;

export interface SettingMap {
  readonly kind: 'map';
  readonly where: string;
  readonly entries: Map<string, Setting>;
  /** Where each key stands, for keys that are not known. */
  readonly keys?: Map<string, string>;
}

export interface SettingList {
  readonly kind: 'list';
  readonly where: string;
  readonly items: Setting[];
}

export interface SettingValue {
  readonly kind: 'value';
  readonly where: string;
  readonly value: unknown;
}

/** `over` laid on `base`: mappings key by key, everything else replaced. */
export function merge(base: SettingMap, over: SettingMap): SettingMap {
  const entries = new Map(base.entries);
  for (const [key, setting] of over.entries) {
    const old = entries.get(key);
    entries.set(key, old?.kind === 'map' && setting.kind === 'map' ? merge(old, setting) : setting);
  }
  return { kind: 'map', where: over.where, entries, keys: new Map([...(base.keys ?? []), ...(over.keys ?? [])]) };
}

/**
 * Lays one assignment `a.b=value` on a configuration; the value reads like YAML.
 *
 * @param option what it is called in messages: `--set` gives `--set a.b=value: expected ...`
 * @throws WbdcError `assignment`
 */
export function assignSetting(base: SettingMap, assignment: string, option: string): SettingMap {
  const where = `${option} ${assignment}`;
  const split = assignment.indexOf('=');
  const path = assignment.slice(0, Math.max(0, split)).trim().split('.');
  if (split < 1 || path.some((part) => part === '')) {
    const expected = `the form ${option} section.key=value`;
    throw new WbdcError({ where, expected, got: 'another', advice: `for example ${option} model.layers=4`, ...WRONG });
  }
  const value = toSetting(parseValue(assignment.slice(split + 1), where, option), where);
  return assign(base, path, value, where) as SettingMap;
}

const WRONG = { code: 'assignment' } as const;

function parseValue(text: string, where: string, option: string): unknown {
  try {
    return parse(text, { prettyErrors: false });
  } catch (cause) {
    const got = cause instanceof Error ? cause.message : String(cause);
    const advice = `quote it, for example ${option} 'a.b="x: y"'`;
    throw new WbdcError({ where, expected: 'a value that is valid YAML', got, advice, ...WRONG }, { cause });
  }
}

/** Plain data as settings that were all written in one place. */
export function toSetting(value: unknown, where: string): Setting {
  if (Array.isArray(value)) return { kind: 'list', where, items: value.map((item) => toSetting(item, where)) };
  if (typeof value !== 'object' || value === null) return { kind: 'value', where, value };
  const entries = new Map(Object.entries(value).map(([key, item]) => [key, toSetting(item, where)]));
  return { kind: 'map', where, entries };
}

function assign(base: Setting | undefined, path: readonly string[], value: Setting, where: string): Setting {
  const [key, ...rest] = path;
  if (key === undefined) return value;
  if (base?.kind === 'list') {
    const items = [...base.items];
    const index = Number(key);
    if (!Number.isInteger(index) || index < 0 || index > items.length) {
      throw new WbdcError(
        `${where}: expected a place in a list of ${items.length} (0 to ${items.length}), got '${key}'`,
      );
    }
    items[index] = assign(items[index], rest, value, where);
    return { ...base, items };
  }
  const old = base?.kind === 'map' ? base : undefined;
  const entries = new Map(old?.entries);
  entries.set(key, assign(entries.get(key), rest, value, where));
  return { kind: 'map', where: old?.where ?? where, entries, keys: new Map(old?.keys).set(key, where) };
}

/** The plain data of a configuration, for the schema. */
export function plain(setting: Setting): unknown {
  if (setting.kind === 'value') return setting.value;
  if (setting.kind === 'list') return setting.items.map(plain);
  return Object.fromEntries([...setting.entries].map(([key, item]) => [key, plain(item)]));
}

/** Where a setting was written; for one left to its default, where the section around it stands. */
export function whereIs(root: SettingMap, path: readonly PropertyKey[]): string {
  let setting: Setting = root;
  for (const key of path) {
    const next: Setting | undefined = childOf(setting, key);
    if (next === undefined) break;
    setting = next;
  }
  return setting.where;
}

/** Where a key was written. */
export function whereIsKey(root: SettingMap, path: readonly PropertyKey[], key: string): string {
  let setting: Setting | undefined = root;
  for (const part of path) setting = setting && childOf(setting, part);
  return (setting?.kind === 'map' ? setting.keys?.get(key) : undefined) ?? whereIs(root, [...path, key]);
}

function childOf(setting: Setting, key: PropertyKey): Setting | undefined {
  if (setting.kind === 'map') return setting.entries.get(String(key));
  return setting.kind === 'list' ? setting.items[Number(key)] : undefined;
}

/** Throws when `file` already stands in the chain of files that extend one another. */
export function assertAcyclic(chain: readonly string[], file: string, folder: string): void {
  const start = chain.indexOf(file);
  if (start < 0) return;
  const names = [...chain.slice(start), file].map((path) => relative(folder, path) || path);
  throw new WbdcError(`the configurations extend one another in a circle: ${names.join(' -> ')}: remove one 'extends'`);
}
