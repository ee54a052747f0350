import { basename, join } from 'node:path';
import { DataError, findVideo, readTable, videoName, writeLabels, type LabelledPair, type TableRow } from '@wbdc/data';
import { WbdcError } from '@wbdc/io/errors';
import type { SplitItem } from './item.js';
import type { Warnings } from './warnings.js';

/** A table of pairs: labels that people gave, or clicks. */
export interface PairTable {
  /** CSV, TSV, JSON lines or a JSON array. */
  readonly path: string;
  /** Between its cells; detected by default. */
  readonly separator?: string | undefined;
  /** Such as gb18030; UTF-8 by default. */
  readonly encoding?: string | undefined;
}

/** What became of a table of pairs. */
export interface PreparedPairs {
  /** Files of `id1<TAB>id2<TAB>score` below the data set's folder; of held-out videos where there are such pairs. */
  readonly files: { readonly train: string; readonly heldOut?: string };
  readonly train: number;
  readonly heldOut: number;
  /** Whether all that is known is that they belong together: clicks. */
  readonly clicks: boolean;
}

/** Names of columns, lower case, without blanks, dashes and underscores. */
const COLUMNS = {
  left: ['left', 'id1', 'video1', 'query', 'queryid', 'queryvideo', 'source', 'watched', 'from', '视频1', '来源视频'],
  right: [
    'right',
    'id2',
    'video2',
    'clicked',
    'clickedid',
    'clickedvideo',
    'target',
    'item',
    'to',
    '视频2',
    '点击视频',
  ],
  score: ['score', 'label', 'similarity', 'relevance', 'clicks', 'click', 'count', 'weight', '分数', '点击', '点击数'],
} as const;

/**
 * Reads pairs of videos by their names and writes them by their ids, apart for the videos to learn from and the
 * held-out ones. Without a column of scores all are 1; scores above 1 are counts, and are divided by the largest.
 *
 * @throws WbdcError where the table cannot be read, has no two columns of videos, or no pair of these videos
 */
export async function writePairs(
  root: string,
  items: readonly SplitItem[],
  { path, separator, encoding }: PairTable,
  warnings: Warnings,
): Promise<PreparedPairs> {
  const bad = (message: string): void => warnings.add('unusable pair', message);
  const table = await readTable(path, {
    onBad: ({ message }) => bad(message),
    ...(separator !== undefined && { separator }),
    ...(encoding !== undefined && { encoding }),
  });
  const columns = columnsOf(path, table.columns);
  const find = findVideo(items.map((item) => ({ ...item, name: item.source.name })));
  const byOwnId = new Map(items.flatMap((item) => [item.id, item.text.id].map((id) => [id, item] as const)));
  const itemOf = (name: string): SplitItem | undefined => {
    const found = find(name);
    return found === 'several' ? undefined : (found ?? byOwnId.get(name));
  };
  const pairs = table.rows.flatMap((row) => pairOf(row, columns, itemOf, bad));
  const largest = Math.max(1, ...pairs.map(({ score }) => score));
  const sides = { train: [] as LabelledPair[], heldOut: [] as LabelledPair[] };
  for (const { left, right, score, where } of pairs) {
    const held = [left, right].filter(({ split }) => split === 'test_a').length;
    if (held === 1) warnings.add('pair across splits', `${where}: '${left.source.name}' and '${right.source.name}'`);
    else sides[held === 2 ? 'heldOut' : 'train'].push({ id1: left.id, id2: right.id, score: score / largest });
  }
  if (sides.train.length === 0) {
    throw new WbdcError({
      where: path,
      expected: 'pairs of videos to learn from',
      got:
        pairs.length > 0 ? `none but ${pairs.length} of or with held-out videos` : `none of ${table.rows.length} rows`,
      code: 'rows-unmatched',
    });
  }
  const heldOut = sides.heldOut.length > 0 ? HELD_OUT : undefined;
  await writeLabels(join(root, TRAIN), sides.train);
  if (heldOut !== undefined) await writeLabels(join(root, heldOut), sides.heldOut);
  const scores = new Set(pairs.map(({ score }) => score).filter((score) => score > 0));
  return {
    files: { train: TRAIN, ...(heldOut !== undefined && { heldOut }) },
    train: sides.train.length,
    heldOut: sides.heldOut.length,
    clicks: scores.size === 1 || largest > 1,
  };
}

const TRAIN = 'pairs.tsv';
const HELD_OUT = 'pairs.test_a.tsv';

interface NamedPair {
  readonly left: SplitItem;
  readonly right: SplitItem;
  readonly score: number;
  readonly where: string;
}

function pairOf(
  { where, cells }: TableRow,
  { left, right, score }: Columns,
  itemOf: (name: string) => SplitItem | undefined,
  bad: (message: string) => void,
): NamedPair[] {
  let names: string[];
  try {
    names = [left, right].map((column) => videoName({ where: `${where}: ${column}`, value: cells[column] }) ?? '');
  } catch (error) {
    if (!(error instanceof DataError)) throw error;
    bad(error.message);
    return [];
  }
  const [a, b] = names;
  const [one, other] = [itemOf(a), itemOf(b)];
  const value = score === undefined ? 1 : Number(String(cells[score] ?? '').trim() || NaN);
  const problem =
    one === undefined || other === undefined
      ? `'${one === undefined ? a : b}' names no video here`
      : one === other
        ? `'${a}' with itself`
        : !(value >= 0 && Number.isFinite(value))
          ? `expected a score from 0, got '${String(cells[score!])}'`
          : undefined;
  if (problem === undefined) return [{ left: one!, right: other!, score: value, where }];
  bad(`${where}: ${problem}`);
  return [];
}

interface Columns {
  readonly left: string;
  readonly right: string;
  readonly score: string | undefined;
}

/** By their names, else the first two are videos and a third one scores. */
function columnsOf(path: string, columns: readonly string[]): Columns {
  const named = (names: readonly string[]): string | undefined =>
    columns.find((column) => names.includes(column.toLowerCase().replaceAll(/[\s_-]/g, '')));
  const [left, right] = [named(COLUMNS.left), named(COLUMNS.right)];
  if (left !== undefined && right !== undefined) return { left, right, score: named(COLUMNS.score) };
  if (columns.length === 2 || columns.length === 3) return { left: columns[0], right: columns[1], score: columns[2] };
  const expected = "columns 'left', 'right' and perhaps 'score', or no others";
  throw new WbdcError({
    ...{ where: basename(path), expected, got: columns.slice(0, 8).join(', ') || 'none', code: 'column-video' },
  });
}
