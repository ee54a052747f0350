import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { groupBy, stableId, type CategoryName } from '@wbdc/data';
import type { DemoVideo } from '../items.js';
import type { Definition } from './definitions.js';
import type { Drawing } from '../sources.js';

/** What all of them are of. */
export const STROKES_CATEGORY = '9900';
const NAME = { key: 'hanzi', zh: '汉字', en: 'Chinese characters' };
export const STROKES_NAME: CategoryName = { group: NAME, subgroup: NAME };

/** Frames of a character that is being written. */
const SHOWN = [0.25, 0.5, 0.75, 1];

/**
 * Chinese characters as videos that write them, stroke by stroke, from `draw/` of cnchar-data: four frames, of a
 * quarter of the strokes to all. The title is the character, the OCR words that begin with it, the ASR what the
 * shortest of them means, where the dictionary has such words.
 */
export async function strokeVideos(folder: string, definitions: readonly Definition[]): Promise<DemoVideo[]> {
  const root = join(folder, 'draw');
  const words = groupBy(definitions, ({ word }) => [...word][0]);
  const files = (await readdir(root)).filter((name) => /^[\u4e00-\u9fff]\.json$/u.test(name)).sort();
  return files.map((file): DemoVideo => {
    const [character] = file;
    const known = [...(words.get(character) ?? [])].sort((a, b) => a.word.length - b.word.length);
    const key = `hanzi/${character}`;
    return {
      ...{ id: stableId(key), key, baseKey: key, family: key, categoryId: STROKES_CATEGORY, title: character },
      asr: known[0]?.text ?? '',
      ocr: known.slice(1, 1 + SHOWN.length).map(({ word }, time) => ({ time, text: word })),
      tags: [],
      drawings: SHOWN.map((shown): Drawing => ({ vendor: 'strokes', path: join(root, file), shown })),
    };
  });
}

/** The first share of a character's strokes as an SVG; the originals' y axis points up from a line at 900. */
export function strokesSvg(strokes: readonly string[], shown: number): string {
  const paths = strokes.slice(0, Math.max(1, Math.round(shown * strokes.length))).map((path) => `<path d="${path}"/>`);
  const drawn = `<g transform="scale(1,-1) translate(0,-900)">${paths.join('')}</g>`;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1024 1024">${drawn}</svg>`;
}
