import { stableId, type BilingualName, type CategoryName } from '@wbdc/data';
import { WbdcError } from '@wbdc/io/errors';
import { joinKey, VENDORS } from './sources.js';
import type { Drawing, EmojiRecord, GroupName, Sources } from './sources.js';

/** One emoji with its skin variants: what must stay together. */
export interface DemoItem {
  readonly key: string;
  /** Items drawn almost alike (person, man and woman at the same work; facing left or right) share a family. */
  readonly family: string;
  /** Four digits: group and subgroup within the group. */
  readonly categoryId: string;
  /** The item itself, then its skin variants. */
  readonly videos: readonly DemoVideo[];
}

/** One item or skin variant as a short video. */
export interface DemoVideo {
  readonly id: string;
  readonly key: string;
  /** The item this is, or is a skin variant of. */
  readonly baseKey: string;
  readonly categoryId: string;
  /** The family of its item. */
  readonly family: string;
  readonly title: string;
  readonly asr: string;
  readonly ocr: readonly { time: number; text: string }[];
  readonly tags: readonly string[];
  /** One per frame, one frame per second. */
  readonly drawings: readonly Drawing[];
}

/** All items that have a category and at least one drawing, in the order of emojibase. */
export function makeItems(sources: Sources): DemoItem[] {
  const categoryIds = numberCategories(sources.zh.records);
  return sources.zh.records.flatMap((record) => {
    const categoryId = categoryIds.get(record.subgroup ?? -1);
    return categoryId === undefined ? [] : makeItem(sources, record, categoryId);
  });
}

function makeItem(sources: Sources, record: EmojiRecord, categoryId: string): DemoItem[] {
  const key = joinKey(record.hexcode);
  const records = [record, ...(record.skins ?? [])];
  const videos = records.map((variant) => makeVideo(sources, record, variant, categoryId));
  const drawn = videos.filter(({ drawings }) => drawings.length > 0);
  return drawn.length > 0 ? [{ key, family: familyOf(key), categoryId, videos: drawn }] : [];
}

/**
 * Skin tones, gender signs and direction are dropped and man and woman become person: what is left names the drawing.
 * Held-out pictures would otherwise have near copies among the training pictures.
 */
function familyOf(key: string): string {
  return key.replace(/-(1F3F[B-F]|200D-27A1|200D-264[02])/g, '').replace(/1F46[89]/g, '1F9D1');
}

function makeVideo(sources: Sources, base: EmojiRecord, variant: EmojiRecord, categoryId: string): DemoVideo {
  const key = joinKey(variant.hexcode);
  const baseKey = joinKey(base.hexcode);
  const drawings = findDrawings(sources, key, baseKey);
  const seen = sources.words['zh-Hant'].get(baseKey) ?? sources.traditional.get(baseKey) ?? [];
  return {
    id: videoId(key),
    key,
    baseKey,
    categoryId,
    family: familyOf(baseKey),
    title: variant.label,
    asr: (sources.words['yue-Hans'].get(baseKey) ?? []).join('，'),
    ocr: spreadOverSeconds(seen, drawings.length),
    tags: (base.tags ?? []).filter((tag) => !contains(variant.label, tag)),
    drawings,
  };
}

/** A skin variant's black line drawing is the base item's to the byte, so it would be the same frame twice. */
function findDrawings(sources: Sources, key: string, baseKey: string): Drawing[] {
  return VENDORS.flatMap((vendor) => {
    const path = sources.drawings[vendor].get(key);
    const repeated = vendor === 'openmoji-black' && key !== baseKey;
    return path === undefined || repeated ? [] : [{ vendor, path }];
  });
}

/** A tag that stands in the title would hand the model its target. */
function contains(title: string, tag: string): boolean {
  return title.toLowerCase().includes(tag.toLowerCase());
}

/** Words dealt in turn to the seconds of the video, as if each frame showed a few of them. */
function spreadOverSeconds(words: readonly string[], seconds: number): { time: number; text: string }[] {
  return Array.from({ length: seconds }, (_, time) => ({
    time,
    text: words.filter((_word, index) => index % seconds === time).join(' '),
  })).filter(({ text }) => text !== '');
}

/** The id of the video of an emoji. */
export function videoId(key: string): string {
  return stableId(`emoji/${key}`);
}

/** Subgroup number of emojibase -> four digits: group, then the subgroup's place within its group. */
function numberCategories(records: readonly EmojiRecord[]): Map<number, string> {
  const subgroups = new Map<number, Set<number>>();
  for (const { group, subgroup } of records) {
    if (group === undefined || subgroup === undefined) continue;
    subgroups.set(group, (subgroups.get(group) ?? new Set()).add(subgroup));
  }
  return new Map(
    [...subgroups].flatMap(([group, members]) =>
      [...members]
        .sort((a, b) => a - b)
        .map((subgroup, place) => [subgroup, twoDigits(group) + twoDigits(place)] as const),
    ),
  );
}

function twoDigits(value: number): string {
  return String(value).padStart(2, '0');
}

/** Category id -> names, sorted by id. */
export function nameCategories({ zh, en }: Sources): Record<string, CategoryName> {
  const groupOf = new Map(zh.records.map(({ group, subgroup }) => [subgroup, group]));
  const entries = [...numberCategories(zh.records)].map(([subgroup, id]): [string, CategoryName] => {
    const group = nameOf(groupOf.get(subgroup), zh.groups, en.groups);
    return [id, { group, subgroup: nameOf(subgroup, zh.subgroups, en.subgroups) }];
  });
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
}

function nameOf(order: number | undefined, zh: readonly GroupName[], en: readonly GroupName[]): BilingualName {
  const name = zh.find((entry) => entry.order === order);
  if (!name) throw new WbdcError({ where: 'emojibase-data', expected: `a name of group ${order}`, got: 'none' });
  return { key: name.key, zh: name.message, en: en.find(({ key }) => key === name.key)?.message ?? name.key };
}
