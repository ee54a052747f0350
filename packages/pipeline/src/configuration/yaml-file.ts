import { readFile } from 'node:fs/promises';
import { dirname, relative, resolve } from 'node:path';
import { isAlias, isMap, isScalar, isSeq, LineCounter, parseDocument, type Document, type Node } from 'yaml';
import { WbdcError } from '@wbdc/io/errors';
import { assertAcyclic, merge, type Setting, type SettingMap } from './setting.js';

/** Where a settings file is looked for. */
export interface SettingsPlace {
  /** Folder that relative paths start from, and that paths in messages are relative to. */
  readonly folder: string;
  /** What asks for the file, for messages: an option's name. */
  readonly asked?: string;
}

/**
 * Reads a YAML file and the chain of files it `extends`, nearest last, into one tree in which every setting knows where
 * it was written. Mappings merge key by key; lists and scalars replace.
 *
 * @throws WbdcError with file, line and column of what is no settings file
 */
export function readSettings(path: string, place: SettingsPlace): Promise<SettingMap> {
  return readChain(path, place, []);
}

async function readChain(path: string, place: SettingsPlace, chain: readonly string[]): Promise<SettingMap> {
  const { folder } = place;
  const file = resolve(folder, path);
  assertAcyclic(chain, file, folder);
  const own = parseSettings(await readText(file, place, chain), relative(folder, file) || file);
  const base = own.entries.get('extends');
  if (base === undefined) return own;
  own.entries.delete('extends');
  if (base.kind !== 'value' || typeof base.value !== 'string') {
    throw new WbdcError(`${base.where}: extends: expected the path of a YAML file`);
  }
  const parent = await readChain(resolve(dirname(file), base.value), place, [...chain, file]);
  return merge(parent, own);
}

/** What stands at a path where no file can be read, by the system's code. */
const UNREADABLE: Readonly<Record<string, string>> = {
  ENOENT: 'there is none',
  EISDIR: 'it is a folder',
  ENOTDIR: 'a part of the path is a file',
  ENAMETOOLONG: 'that is no path',
  ERR_INVALID_ARG_VALUE: 'that is no path',
};

async function readText(
  file: string,
  { folder, asked: by = 'settings' }: SettingsPlace,
  chain: readonly string[],
): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    const got = cause instanceof Error && 'code' in cause ? UNREADABLE[String(cause.code)] : undefined;
    if (got === undefined) throw cause;
    const asked = chain.length === 0 ? by : `'extends' in ${relative(folder, chain[chain.length - 1])}`;
    throw new WbdcError(`${asked}: expected a YAML file at ${file}, but ${got}`, { cause });
  }
}

/** Parses one YAML text; `name` stands in the messages. Syntax errors are reported all at once. */
function parseSettings(text: string, name: string): SettingMap {
  const lines = new LineCounter();
  const document = parseNested(text, name, lines);
  const locate = (offset: number): string => {
    const { line, col } = lines.linePos(offset);
    return `${name}:${line}:${col}`;
  };
  if (document.errors.length > 0) {
    const problems = document.errors
      .slice(0, MOST_PROBLEMS)
      .map(({ code, pos, message }) => `  ${locate(pos[0])}: ${code === 'MULTIPLE_DOCS' ? SECOND : message}`);
    const more = document.errors.length - problems.length;
    if (more > 0) problems.push(`  and ${more} more`);
    throw new WbdcError(`the configuration is not valid YAML:\n${problems.join('\n')}`);
  }
  const root = document.contents;
  if (root === null) return { kind: 'map', where: name, entries: new Map() };
  const setting = nodeToSetting(root, { document, locate, left: MOST_NODES, above: [] });
  if (setting.kind !== 'map') throw new WbdcError(`${setting.where}: expected settings of the form 'key: value'`);
  return setting;
}

/** The parser follows lists in lists as far as its stack reaches, and no further. */
function parseNested(text: string, name: string, lineCounter: LineCounter): Document.Parsed {
  try {
    const document = parseDocument(text, { lineCounter, prettyErrors: false });
    const { errors } = document;
    document.errors = errors.filter(({ message }) => !message.startsWith('Maximum call stack'));
    if (document.errors.length > 0 || errors.length === 0) return document;
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
  }
  throw tooDeep(name);
}

function tooDeep(where: string): WbdcError {
  return new WbdcError(`${where}: expected settings at most ${MOST_DEEP} deep in each other, got deeper ones`);
}

/** No configuration has more mappings and lists in each other. */
const MOST_DEEP = 100;

/** In place of the parser's word, which is for programs. */
const SECOND = 'a second document (---); expected one';

/** One mistake makes many of those behind it. */
const MOST_PROBLEMS = 8;

/** More than any configuration has: aliases of aliases make billions of a few lines. */
const MOST_NODES = 100_000;

/** A document that is being read. */
interface Reading {
  readonly document: Document;
  readonly locate: (offset: number) => string;
  /** Nodes that may still be read. */
  left: number;
  /** The nodes around this one. */
  readonly above: Node[];
}

function nodeToSetting(node: Node, reading: Reading): Setting {
  const where = reading.locate(node.range?.[0] ?? 0);
  if (reading.above.includes(node)) {
    throw new WbdcError(`${where}: expected an alias (*name) of something before it, got one of what it stands in`);
  }
  if (reading.above.length >= MOST_DEEP) throw tooDeep(where);
  if (reading.left-- === 0) {
    throw new WbdcError(`${where}: expected at most ${MOST_NODES} settings, got more: do not nest aliases (*name)`);
  }
  reading.above.push(node);
  const setting = settingOf(node, where, reading);
  reading.above.pop();
  return setting;
}

function settingOf(node: Node, where: string, reading: Reading): Setting {
  const { document, locate } = reading;
  if (isAlias(node)) {
    const target = node.resolve(document);
    if (target !== undefined) return nodeToSetting(target, reading);
    const expected = 'an alias (*name) of something that is named before it (&name)';
    throw new WbdcError({ where, expected, got: `*${node.source.slice(0, 60)}, which nothing is` });
  }
  const child = (value: unknown): Setting =>
    value === null || value === undefined
      ? { kind: 'value', where, value: null }
      : nodeToSetting(value as Node, reading);
  if (isMap(node)) {
    const entries = new Map<string, Setting>();
    const keys = new Map<string, string>();
    for (const { key, value } of node.items) {
      const name = isScalar(key) ? String(key.value) : String(key);
      entries.set(name, child(value));
      keys.set(name, locate((key as Node).range?.[0] ?? 0));
    }
    return { kind: 'map', where, entries, keys };
  }
  if (isSeq(node)) return { kind: 'list', where, items: node.items.map(child) };
  return { kind: 'value', where, value: isScalar(node) ? node.value : null };
}
