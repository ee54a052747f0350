import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { WbdcError } from '@wbdc/io/errors';

/** One entry of emojibase-data; the 26 regional indicators, which mean nothing alone, have no group and subgroup. */
export interface EmojiRecord {
  readonly label: string;
  readonly hexcode: string;
  readonly emoji: string;
  readonly tags?: readonly string[];
  readonly group?: number;
  readonly subgroup?: number;
  readonly skins?: readonly EmojiRecord[];
}

/** A name of a group or subgroup; `order` is the number that records refer to. */
export interface GroupName {
  readonly key: string;
  readonly message: string;
  readonly order: number;
}

/** Emojibase in one language. */
interface Language {
  readonly records: readonly EmojiRecord[];
  readonly groups: readonly GroupName[];
  readonly subgroups: readonly GroupName[];
}

/** Who drew a picture. The order of the vendors is the order of the frames. */
export const VENDORS = ['fluent', 'twemoji', 'openmoji', 'openmoji-black'] as const;
type Vendor = (typeof VENDORS)[number];

/** One vendor's picture of one item. */
export interface Drawing {
  readonly vendor: Vendor | 'strokes';
  readonly path: string;
  /** Of a character's strokes: which share of them is drawn. */
  readonly shown?: number;
}

/** Everything the npm packages give; words and drawings are found by {@link joinKey}. */
export interface Sources {
  readonly zh: Language;
  readonly en: Language;
  /** Emojibase in traditional Chinese: stands in where CLDR has no entry (flags, sequences of several signs). */
  readonly traditional: ReadonlyMap<string, readonly string[]>;
  /** CLDR words, the name first, by variety and join key. */
  readonly words: Readonly<Record<Variety, ReadonlyMap<string, readonly string[]>>>;
  readonly drawings: Readonly<Record<Vendor, ReadonlyMap<string, string>>>;
  /** Version of each package, for the summary and the licences. */
  readonly versions: Readonly<Record<SourcePackage, string>>;
}

/** The varieties of Chinese (and English, for similarity) whose CLDR words are read. */
type Variety = 'zh-Hant' | 'yue-Hans' | 'en';

export const SOURCE_PACKAGES = [
  'emojibase-data',
  'cldr-annotations-full',
  '@lobehub/fluent-emoji-3d',
  '@twemoji/svg',
  'openmoji',
] as const;
export type SourcePackage = (typeof SOURCE_PACKAGES)[number];

const require = createRequire(import.meta.url);

/** Where the vendors keep their pictures inside their packages. */
const PICTURES: Record<Vendor, { from: SourcePackage; folder: string; extension: string }> = {
  fluent: { from: '@lobehub/fluent-emoji-3d', folder: 'assets', extension: '.webp' },
  twemoji: { from: '@twemoji/svg', folder: '.', extension: '.svg' },
  openmoji: { from: 'openmoji', folder: 'color/svg', extension: '.svg' },
  'openmoji-black': { from: 'openmoji', folder: 'black/svg', extension: '.svg' },
};

/** Reads the installed source packages. Pictures are listed, not read. @throws WbdcError when one is missing */
export function readSources(): Sources {
  const zh = readLanguage('zh');
  return {
    zh,
    en: readLanguage('en'),
    traditional: new Map(
      readLanguage('zh-hant').records.map((record) => [
        joinKey(record.hexcode),
        [record.label, ...(record.tags ?? [])],
      ]),
    ),
    words: { 'zh-Hant': readWords('zh-Hant'), 'yue-Hans': readWords('yue-Hans'), en: readWords('en') },
    drawings: mapVendors(listPictures),
    versions: readVersions(),
  };
}

/** The key that joins the packages: code points in upper case, without the variation selector, which vendors vary. */
export function joinKey(hexcode: string): string {
  return hexcode.toUpperCase().replaceAll('-FE0F', '');
}

/** Folder of an installed source package, wherever npm put it. */
export function packageFolder(name: SourcePackage): string {
  try {
    return dirname(require.resolve(`${name}/package.json`));
  } catch (cause) {
    const problem = { expected: `the npm package ${name}, which the demo data set is made of`, got: 'none' };
    throw new WbdcError({ ...problem, advice: 'install @wbdc/demo-data again' }, { cause });
  }
}

function readJson<T>(name: SourcePackage, file: string): T {
  const path = join(packageFolder(name), file);
  return JSON.parse(readFileSync(path, 'utf8')) as T;
}

function readLanguage(language: string): Language {
  const messages = readJson<{ groups: GroupName[]; subgroups: GroupName[] }>(
    'emojibase-data',
    `${language}/messages.json`,
  );
  return { records: readJson<EmojiRecord[]>('emojibase-data', `${language}/data.json`), ...messages };
}

interface CldrFile {
  readonly annotations: { readonly annotations: Readonly<Record<string, { default?: string[]; tts?: string[] }>> };
}

function readWords(variety: Variety): ReadonlyMap<string, readonly string[]> {
  const { annotations } = readJson<CldrFile>('cldr-annotations-full', `annotations/${variety}/annotations.json`);
  return new Map(
    Object.entries(annotations.annotations).map(([emoji, { tts = [], default: words = [] }]) => [
      joinKey(hexcodeOf(emoji)),
      [...new Set([...tts, ...words])],
    ]),
  );
}

function hexcodeOf(emoji: string): string {
  return [...emoji].map((sign) => sign.codePointAt(0)!.toString(16).padStart(4, '0')).join('-');
}

function listPictures(vendor: Vendor): ReadonlyMap<string, string> {
  const { from, folder, extension } = PICTURES[vendor];
  const root = join(packageFolder(from), folder);
  const files = readdirSync(root).filter((name) => name.endsWith(extension));
  return new Map(files.map((name) => [joinKey(name.slice(0, -extension.length)), join(root, name)]));
}

function mapVendors<T>(map: (vendor: Vendor) => T): Record<Vendor, T> {
  return Object.fromEntries(VENDORS.map((vendor) => [vendor, map(vendor)])) as Record<Vendor, T>;
}

function readVersions(): Record<SourcePackage, string> {
  const versions = SOURCE_PACKAGES.map((name) => [name, readJson<{ version: string }>(name, 'package.json').version]);
  return Object.fromEntries(versions) as Record<SourcePackage, string>;
}
