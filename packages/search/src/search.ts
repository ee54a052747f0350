import type { OpenTable } from './database.js';
import { SearchError } from './errors.js';
import { conditionOf } from './filter.js';
import { fuseRankings } from './fuse.js';
import type { IndexHit, IndexQuery } from './query.js';
import { readRecords, TOLD, videoOf } from './records.js';
import { columnOf, ownModel, unitVector, type IndexModel, type ModelVector } from './rows.js';
import { wordsOfQuery } from './words.js';

/** Of what a ranking is, with its items. */
interface Ranked {
  readonly name: string;
  readonly items: readonly { readonly id: string; readonly score: number }[];
}

interface Request {
  readonly open: OpenTable;
  readonly condition: string | undefined;
  /** Length of a ranking. */
  readonly count: number;
  /** Whether vectors are compared one by one. */
  readonly exact: boolean;
}

/** The highest sum of `limit` and `offset`. */
const DEEPEST = 10_000;

export async function search(
  open: OpenTable,
  models: readonly IndexModel[],
  query: IndexQuery,
  exactUpTo: number,
): Promise<IndexHit[]> {
  const { vectors = [], words, filter = {}, limit = 10, offset = 0 } = query;
  assertRange({ limit, offset });
  if (vectors.length === 0 && words === undefined) {
    throw new SearchError({ expected: 'a query of vectors or words', got: 'neither', code: 'query' });
  }
  const rankings = vectors.length + (words === undefined ? 0 : 1);
  const wanted = limit + offset;
  // What one ranking has far down may stand high in another.
  const count = rankings === 1 ? wanted : Math.min(DEEPEST, Math.max(50, 5 * wanted));
  const exact = query.exact === true || (vectors.length > 0 && (await open.table.countRows()) <= exactUpTo);
  const request = { open, condition: conditionOf(filter), count, exact };
  const ranked = await Promise.all([
    ...vectors.map((vector) => nearest(request, models, vector)),
    ...(words === undefined ? [] : [withWords(request, words)]),
  ]);
  return gather(open, ranked, { limit, offset });
}

function assertRange(range: { readonly limit: number; readonly offset: number }): void {
  const { limit, offset } = range;
  const whole = Number.isInteger(limit) && Number.isInteger(offset);
  if (whole && limit >= 1 && offset >= 0 && limit + offset <= DEEPEST) return;
  const expected = `limit from 1 and offset from 0, together at most ${DEEPEST}`;
  throw new SearchError({ expected, got: `${limit} and ${offset}`, code: 'query' });
}

/** Ranks by the cosine to a vector. */
async function nearest(request: Request, models: readonly IndexModel[], vector: ModelVector): Promise<Ranked> {
  const model = ownModel(models, vector, 'query');
  const { condition, count, exact } = request;
  const column = columnOf(model);
  const base = request.open.table
    .query()
    .nearestTo(unitVector(vector, model, 'query'))
    .column(column);
  // Without its type a graph of cosines tells squared distances. Twice as many as asked for are refined exactly.
  let query = base.distanceType('cosine').select(['id', '_distance']).limit(count);
  query = exact ? query.bypassVectorIndex() : query.ef(Math.max(100, 2 * count)).refineFactor(2);
  if (condition !== undefined) query = query.where(condition);
  const rows: { id: string; _distance: number }[] = await query.toArray();
  const items = rows.filter(({ _distance }) => Number.isFinite(_distance));
  return { name: model.name, items: items.map(({ id, _distance }) => ({ id, score: cosineOf(_distance) })) };
}

/** Rounding leaves the cosine of two vectors a little outside. */
function cosineOf(distance: number): number {
  return Math.max(-1, Math.min(1, 1 - distance));
}

/** Ranks by words (BM25). */
async function withWords({ open, condition, count }: Request, text: string): Promise<Ranked> {
  const words = wordsOfQuery(text);
  if (words === '') return { name: 'words', items: [] };
  const base = open.table.query().nearestToText(new open.lance.MatchQuery(words, 'words'));
  let query = base.select(['id', '_score']).limit(count);
  if (condition !== undefined) query = query.where(condition);
  const rows: { id: string; _score: number }[] = await query.toArray();
  // Rows that are not in the index of words yet come by themselves, in an order of their own.
  const items = rows.map(({ id, _score }) => ({ id, score: _score })).sort((a, b) => b.score - a.score);
  return { name: 'words', items: items.slice(0, count) };
}

/** Fuses rankings, and reads what is to be told of the first. */
async function gather(
  { table }: OpenTable,
  ranked: readonly Ranked[],
  { limit, offset }: { readonly limit: number; readonly offset: number },
): Promise<IndexHit[]> {
  const [only] = ranked;
  const fused = ranked.length === 1 ? only.items : fuseRankings(ranked.map(({ items }) => items.map(({ id }) => id)));
  const wanted = fused.slice(offset, offset + limit);
  const records = await readRecords(
    table,
    wanted.map(({ id }) => id),
    TOLD,
  );
  const places = ranked.map(({ name, items }) => {
    return { name, of: new Map(items.map(({ id, score }, i) => [id, { rank: i + 1, score }])) };
  });
  return wanted.flatMap(({ id, score }) => {
    const record = records.get(id);
    if (record === undefined) return []; // taken away in between
    const ranks = places.flatMap(({ name, of }) => (of.has(id) ? [[name, of.get(id)!] as const] : []));
    return [{ video: videoOf(record), score, ranks: Object.fromEntries(ranks) }];
  });
}
