import { writeFileAtomic } from '@wbdc/io';
import { DataError, refuse, type OnBad } from '../files/data-error.js';
import { readLines, type Line } from '../files/lines.js';
import { ID_PATTERN } from '../wbdc/annotations.js';

/** A human judgement of how similar two videos are: 0 to 1, in the official data multiples of 0.05. */
export interface LabelledPair {
  readonly id1: string;
  readonly id2: string;
  readonly score: number;
}

export interface ReadLabelsOptions {
  /** Told of each bad line, which is then skipped; without it the first one throws. */
  readonly onBad?: OnBad;
  /** Whether a video is known; a label for an unknown one is bad. Without it every id will do. */
  readonly has?: (id: string) => boolean;
}

/**
 * Reads `label.tsv`: `id1<TAB>id2<TAB>score`; empty lines and a line of names at the top do not count. A pair may stand
 * there again, as another judgement; one of a video with itself says nothing and is bad.
 *
 * @throws DataError naming file, line, and what was expected
 */
export async function readLabels(path: string, options: ReadLabelsOptions = {}): Promise<LabelledPair[]> {
  const pairs: LabelledPair[] = [];
  for await (const line of readLines(path)) {
    if (line.text.trim() === '' || (line.number === 1 && isHead(line.text))) continue;
    try {
      pairs.push(parsePair(line, path, options.has));
    } catch (error) {
      refuse(error, options.onBad);
    }
  }
  return pairs;
}

/** Three names, as `id1 id2 score`. */
function isHead(text: string): boolean {
  const cells = text.split('\t').map((cell) => cell.trim());
  return cells.length === 3 && /^[\p{L}_ ]+$/u.test(cells[2]) && !/^(nan|inf|infinity|null|none)$/i.test(cells[2]);
}

/** A decimal number, as `float` of Python reads it. */
const NUMBER = /^(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;

function parsePair({ number, text }: Line, path: string, has: ReadLabelsOptions['has']): LabelledPair {
  const fail = (expected: string): never => {
    throw new DataError(`${path}: line ${number}: expected ${expected}, got ${JSON.stringify(text.slice(0, 100))}`);
  };
  const [id1, id2, score, ...more] = text.split('\t').map((cell) => cell.trim());
  if (score === undefined || more.length > 0) fail('id1, id2 and score with tabs between');
  for (const id of [id1, id2]) {
    if (!ID_PATTERN.test(id)) fail('an id of 3 to 64 letters, digits, - or _');
    if (has && !has(id)) fail(`ids of known videos, not '${id}'`);
  }
  if (id1 === id2) fail('two different videos');
  if (!NUMBER.test(score) || Number(score) > 1) fail('a score from 0 to 1');
  return { id1, id2, score: Number(score) };
}

/** Writes the same format; the file appears only when all is written. */
export async function writeLabels(path: string, pairs: Iterable<LabelledPair>): Promise<void> {
  await writeFileAtomic(path, linesOf(pairs));
}

function* linesOf(pairs: Iterable<LabelledPair>): Generator<string> {
  for (const { id1, id2, score } of pairs) yield `${id1}\t${id2}\t${score}\n`;
}
