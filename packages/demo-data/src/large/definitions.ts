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

/** Definitions as texts of videos without frames, to learn from and to measure on: the word is the title. */
export function corpusRecords(definitions: readonly Definition[]): Record<'corpus' | 'corpus_test', Video[]> {
  const splits: Record<'corpus' | 'corpus_test', Video[]> = { corpus: [], corpus_test: [] };
  definitions.forEach(({ word, text }, i) => {
    const record = { id: stableId(`definition/${word}`), title: word, asr: text, ocr: [], tags: [] };
    splits[i % HELD_OUT === HELD_OUT - 1 ? 'corpus_test' : 'corpus'].push(record);
  });
  return splits;
}
