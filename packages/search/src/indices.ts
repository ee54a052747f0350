import type { Table } from '@lancedb/lancedb';
import type { OpenTable } from './database.js';
import { columnOf, type IndexModel } from './rows.js';

/** Vectors of a model from which on comparing all of them is too slow: see `OpenIndexOptions.exactUpTo`. */
export const APPROXIMATE_FROM = 10_000;

/** Vectors added since the graph was built are compared one by one: from this share of it on, they join it. */
const STALE_SHARE = 0.1;

/** The vectors of a model in an index. */
export interface VectorStatistics extends IndexModel {
  /** Videos that have one. */
  readonly vectors: number;
  /** Of these, in the graph; the others are compared one by one. */
  readonly indexed: number;
  readonly search: 'exact' | 'approximate';
}

/** Makes the indices of ids and words, where they are not there yet. */
export async function buildWordIndex({ lance, table }: OpenTable): Promise<void> {
  const there = new Set((await table.listIndices()).flatMap(({ columns }) => columns));
  if (!there.has('id')) await table.createIndex('id', { config: lance.Index.btree() });
  if (there.has('words')) return;
  // Our own words, see words.ts: nothing is left to a tokenizer but to part them at blanks.
  const plain = { stem: false, removeStopWords: false, asciiFolding: false, lowercase: false, withPosition: false };
  const config = lance.Index.fts({ baseTokenizer: 'whitespace', maxTokenLength: 200, ...plain });
  await table.createIndex('words', { config });
}

/** Up to so many videos, words join their index after every adding. */
const SMALL = 2000;

/** Builds the graphs of models that have outgrown exact search, and brings up to date the indices that are there. */
export async function ensureIndices(
  { lance, table }: OpenTable,
  models: readonly IndexModel[],
  exactUpTo: number,
  onMessage?: (line: string) => void,
): Promise<void> {
  let stale = await areWordsStale(table);
  for (const { name, hash, vectors, indexed } of await vectorStatistics(table, models, exactUpTo)) {
    if (vectors <= exactUpTo) continue;
    if (indexed === 0) {
      onMessage?.(`building the graph of ${vectors.toLocaleString('en-US')} vectors '${name}'`);
      const config = lance.Index.hnswSq({ distanceType: 'cosine', m: 20, efConstruction: 150 });
      await table.createIndex(columnOf({ name, hash }), { config });
    } else stale ||= vectors - indexed > STALE_SHARE * indexed;
  }
  // What is written is safe without it: another process that writes now may make it fail.
  if (stale)
    await table.optimize().catch((error: unknown) => onMessage?.(`indices are brought up to date later: ${error}`));
}

/**
 * Whether words of new rows are to join their index. In a small table always: the database scores those outside with a
 * weight of 0 for a word that all videos have, and so does not find it.
 */
async function areWordsStale(table: Table): Promise<boolean> {
  const index = (await table.listIndices()).find(({ columns }) => columns.includes('words'));
  const statistics = index && (await table.indexStats(index.name));
  if (statistics === undefined || statistics.numUnindexedRows === 0) return false;
  const { numIndexedRows, numUnindexedRows } = statistics;
  return numIndexedRows + numUnindexedRows <= SMALL || numUnindexedRows > STALE_SHARE * numIndexedRows;
}

/** How many vectors there are of each model, and how they are searched. */
export async function vectorStatistics(
  table: Table,
  models: readonly IndexModel[],
  exactUpTo: number,
): Promise<VectorStatistics[]> {
  const rows = await table.countRows();
  const graphs = new Map((await table.listIndices()).map(({ columns: [column], name }) => [column, name]));
  const statistics: VectorStatistics[] = [];
  for (const model of models) {
    const column = columnOf(model);
    const vectors = rows === 0 ? 0 : await table.countRows(`${column} IS NOT NULL`);
    const graph = graphs.get(column);
    const unindexed = graph === undefined ? undefined : (await table.indexStats(graph))?.numUnindexedRows;
    const indexed = unindexed === undefined ? 0 : Math.max(0, vectors - unindexed);
    statistics.push({
      ...model,
      vectors,
      indexed,
      search: vectors > exactUpTo && indexed > 0 ? 'approximate' : 'exact',
    });
  }
  return statistics;
}
