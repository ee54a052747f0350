import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stableId, type Video } from '@wbdc/data';
import { WbdcError } from '@wbdc/io/errors';

/** A word and what a dictionary says of it. */
export interface Definition {
  readonly word: string;
  readonly text: string;
}

/** Of what is longer a model of short rows would read the beginning alone. */
const LONGEST = 60;

/** Reads `explanation/` of cnchar-data, in the order of the code points: words with definitions that say something. */
export async function readDefinitions(folder: string): Promise<Definition[]> {
  const root = join(folder, 'explanation');
  const files = (await readdir(root)).filter((name) => name.endsWith('.json')).sort();
  const found: Definition[] = [];
  for (const file of files) {
    const path = join(root, file);
    const words: unknown = JSON.parse(await readFile(path, 'utf8'));
    if (typeof words !== 'object' || words === null) {
      throw new WbdcError({ where: path, expected: 'definitions by word', got: typeof words });
    }
    for (const [word, said] of Object.entries(words)) {
      const text = typeof said === 'string' ? cleanDefinition(word, said) : '';
      if (text.length >= 4 && HAN.test(word) && !FOREIGN.test(text)) found.push({ word, text });
    }
  }
  return found;
}

/**
 * A definition as running text: its first senses without their numbers, the word where a dictionary writes a tilde, cut
 * at the end of a sentence. Nothing where it only names another word.
 */
export function cleanDefinition(word: string, said: string): string {
  const text = said
    .replace(/\s+/g, '')
    .replace(/(^|[。；”])\d+[.．]/g, '$1')
    .replace(/[①-⑳]/g, '')
    .replaceAll('～', word);
  if (/^(亦?见|详|同|参见|犹言?)[“"]/.test(text)) return '';
  if (text.length <= LONGEST) return text;
  const end = text.lastIndexOf('。', LONGEST);
  return end >= 8 ? text.slice(0, end + 1) : text.slice(0, LONGEST);
}

/** Other signs in a word, and Latin letters, are mostly what a wrong encoding has left. */
const [HAN, FOREIGN] = [/^\p{Script=Han}+$/u, /[a-zA-Z\uff21-\uff5a]/u];

/** Every so many definitions one is held out. */
const HELD_OUT = 50;

/** Splits of a corpus. */
export const CORPUS_SPLITS = ['corpus', 'corpus_near', 'corpus_test'] as const;

/**
 * Definitions as texts of videos without frames: all to learn from, those near to some texts (a minute's reading), and
 * others to measure on. The word is the title.
 */
export function corpusRecords(
  definitions: readonly Definition[],
  texts: readonly string[],
): Record<(typeof CORPUS_SPLITS)[number], Video[]> {
  const held = definitions.filter((_, i) => i % HELD_OUT === HELD_OUT - 1);
  const learned = definitions.filter((_, i) => i % HELD_OUT !== HELD_OUT - 1);
  const toRecord = ({ word, text }: Definition): Video => ({
    ...{ id: stableId(`definition/${word}`), title: word, asr: text, ocr: [], tags: [] },
  });
  return {
    corpus: learned.map(toRecord),
    corpus_near: nearTo(learned, texts).map(toRecord),
    corpus_test: held.map(toRecord),
  };
}

/** Words of two characters besides those that stand in the texts. */
const NEAR = 3700;

/**
 * Definitions of words of two to five characters that stand in texts, then those of two characters that the texts have,
 * first where most characters of the definition are known too; of eight signs at least before shorter ones.
 */
function nearTo(definitions: readonly Definition[], texts: readonly string[]): Definition[] {
  const parts = new Set(texts.flatMap((text) => text.split(/[\s，]+/)).flatMap(partsOf));
  const known = new Set(texts.flatMap((text) => [...text]));
  const standing = definitions.filter(({ word }) => parts.has(word));
  const distance = ({ text }: Definition): number => {
    const signs = [...text];
    return Number(signs.length < 8) - signs.filter((sign) => known.has(sign)).length / signs.length;
  };
  const others = definitions
    .filter(({ word }) => [...word].length === 2 && !parts.has(word) && [...word].every((sign) => known.has(sign)))
    .map((definition) => ({ definition, far: distance(definition) }))
    .sort((a, b) => a.far - b.far);
  return [...standing, ...others.slice(0, NEAR).map(({ definition }) => definition)];
}

function isLong(word: string): boolean {
  return [...word].length > 1;
}

/** What stands in a word, of two to five characters. */
function partsOf(word: string): string[] {
  const signs = [...word];
  return signs.flatMap((_, i) => [2, 3, 4, 5].map((length) => signs.slice(i, i + length).join(''))).filter(isLong);
}
