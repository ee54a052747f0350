/// <reference lib="esnext.disposable" preserve="true" />
import { sizeOnDisk } from '@wbdc/io';
import { WbdcError } from '@wbdc/io/errors';
import { COLUMNS, isRemote, modelsOf, openTable, type OpenTable, type PlaceOptions } from './database.js';
import { databaseError, SearchError, type Doing } from './errors.js';
import { countFacets, type IndexFacets } from './facets.js';
import { conditionOf, idsCondition } from './filter.js';
import { inBatches, inGrowingBatches, type GrowingBatches } from './batches.js';
import { APPROXIMATE_FROM, buildWordIndex, ensureIndices, vectorStatistics, type VectorStatistics } from './indices.js';
import type { IndexHit, IndexQuery } from './query.js';
import { readRecords, readVectors, recordOf, TOLD, videoOf } from './records.js';
import { assertModel, columnOf, type IndexedVideo, type IndexModel, type IndexRow, type ModelVector } from './rows.js';
import { search } from './search.js';

/** How an index is opened. */
export interface OpenIndexOptions extends PlaceOptions {
  /**
   * Above so many vectors of a model its search is approximate (HNSW over bytes, refined with the vectors themselves);
   * up to it every vector is compared. 10,000: a scan of so many x 256 takes about 40 ms on one core, the graph 3 ms.
   */
  readonly exactUpTo?: number;
}

export interface AddOptions {
  /**
   * Rows written at once. Where nothing is said 256, and more as the adding goes on: every writing costs a search of
   * what is there, so of many rows up to 8,192 go together. Rows that come slowly do not wait for others longer than 10
   * seconds.
   */
  readonly batchSize?: number;
  /** Ends the adding before the next batch with its reason; what was written stays. */
  readonly signal?: AbortSignal;
  /** Told of the rows of each batch once they are in the table: from then on nothing loses them. */
  readonly onAdded?: (ids: readonly string[]) => void;
  /** Told of work that follows and takes a while. */
  readonly onMessage?: (line: string) => void;
}

/** 8,192 rows with their texts and vectors take some 40 MB. */
const BATCHES: GrowingBatches = { least: 256, most: 8192, patience: 10_000 };

/** What an adding came to. */
export interface AddResult {
  /** Videos that were not there. */
  readonly added: number;
  /** Those that were. */
  readonly updated: number;
}

export interface CompactOptions {
  /** Older states of the table are kept so long, in milliseconds, for whoever reads them now; 10 minutes. */
  readonly keepMs?: number;
  readonly onMessage?: (line: string) => void;
}

/** How large an index is, and how it is searched. */
export interface IndexStatistics {
  readonly where: string;
  readonly videos: number;
  /** On the disk, older states included; undefined in an object store. */
  readonly bytes: number | undefined;
  /** Of the table's states: every change adds one. */
  readonly version: number;
  readonly models: readonly VectorStatistics[];
}

/**
 * Opens an index of videos.
 *
 * @param place a folder, or `s3://`, `gs://`, `az://` with what follows
 * @throws SearchError where there is none, or something else
 */
export async function openIndex(place: string, options: OpenIndexOptions = {}): Promise<VideoIndex> {
  const open = await openTable(place, options);
  const index = new VideoIndex(open, await modelsOf(open.table), options.exactUpTo ?? APPROXIMATE_FROM);
  await index.prepare();
  return index;
}

/**
 * Videos with their texts and vectors, found by either. All changes are atomic: whoever reads sees the state before or
 * after, also when the process that writes is killed. Several processes may write; the last one to write a field wins.
 */
export class VideoIndex implements AsyncDisposable {
  readonly #open: OpenTable;
  readonly #exactUpTo: number;
  #models: readonly IndexModel[];
  #closed = false;

  /** @internal use {@link openIndex} */
  constructor(open: OpenTable, models: readonly IndexModel[], exactUpTo: number) {
    this.#open = open;
    this.#models = models;
    this.#exactUpTo = exactUpTo;
  }

  /** A folder, or an address. */
  get where(): string {
    return this.#open.where;
  }

  /** Those whose vectors it holds. */
  get models(): readonly IndexModel[] {
    return this.#models;
  }

  /** @internal makes what a process that was killed while it made the index has left out */
  async prepare(): Promise<void> {
    await this.#run('opened', () => buildWordIndex(this.#open));
  }

  /**
   * Lets it hold vectors of a model; nothing where it does already.
   * @throws SearchError `model-other` where the name is that of other weights
   */
  async addModel(model: IndexModel): Promise<void> {
    assertModel(model);
    const { table } = this.#table();
    this.#models = await modelsOf(table);
    const there = this.#models.find(({ name }) => name === model.name);
    if (there !== undefined && there.hash === model.hash && there.width === model.width) return;
    if (there !== undefined) throw otherModel(this.where, there, model);
    const valueSql = `arrow_cast(NULL, 'FixedSizeList(${model.width}, Float32)')`;
    try {
      await table.addColumns([{ name: columnOf(model), valueSql }]);
    } catch (error) {
      // Another process may have been as fast.
      if (!(await modelsOf(table)).some(({ name }) => name === model.name))
        throw databaseError(this.where, 'written', error);
    }
    this.#models = await modelsOf(table);
  }

  /** Takes the vectors of a model away. @throws SearchError `model-missing` */
  async removeModel(name: string): Promise<void> {
    const model = this.#modelNamed(name);
    await this.#run('written', ({ table }) => table.dropColumns([columnOf(model)]));
    this.#models = await modelsOf(this.#open.table);
  }

  /**
   * Adds videos, or changes those that are there (by their ids): fields that a row leaves out stay as they are. Written
   * batch by batch; of two rows with one id the later one wins.
   *
   * @throws SearchError `row`, `model-missing`, `model-other` where a row is wrong; its batch is left out as a whole
   */
  async add(rows: Iterable<IndexRow> | AsyncIterable<IndexRow>, options: AddOptions = {}): Promise<AddResult> {
    const { batchSize, signal, onAdded, onMessage } = options;
    const result = { added: 0, updated: 0 };
    const batches = batchSize === undefined ? inGrowingBatches(rows, BATCHES) : inBatches(rows, batchSize);
    for await (const batch of batches) {
      signal?.throwIfAborted();
      const { added, ids } = await this.#write(batch);
      result.added += added;
      result.updated += ids.length - added;
      onAdded?.(ids);
    }
    await this.#run('indexed', (open) => ensureIndices(open, this.#models, this.#exactUpTo, onMessage));
    return result;
  }

  async #write(batch: readonly IndexRow[]): Promise<{ added: number; ids: string[] }> {
    const { table } = this.#table();
    const before = await this.#records(
      batch.map(({ id }) => id),
      [...COLUMNS, ...this.#models.map(columnOf)],
    );
    const records = new Map(before);
    for (const row of batch) records.set(row.id, recordOf(row, records.get(row.id), this.#models));
    await table
      .mergeInsert('id')
      .whenMatchedUpdateAll()
      .whenNotMatchedInsertAll()
      .execute([...records.values()])
      .catch((cause: unknown) => {
        throw databaseError(this.where, 'written', cause);
      });
    return { added: records.size - before.size, ids: [...records.keys()] };
  }

  /** Takes videos away. @returns how many were there */
  async remove(ids: Iterable<string>): Promise<number> {
    let removed = 0;
    for await (const batch of inBatches(new Set(ids), 1000)) {
      const { numDeletedRows } = await this.#run('written', ({ table }) => table.delete(idsCondition(batch)));
      removed += numDeletedRows;
    }
    return removed;
  }

  /** Videos by their ids, in their order, without those that are not there. */
  async get(ids: readonly string[]): Promise<IndexedVideo[]> {
    const records = await this.#records(ids, TOLD);
    return ids.flatMap((id) => (records.has(id) ? [videoOf(records.get(id)!)] : []));
  }

  /** The small picture of a video; undefined where there is none. */
  async thumbnail(id: string): Promise<Uint8Array | undefined> {
    const record = (await this.#records([id], ['id', 'thumbnail'])).get(id);
    return record?.['thumbnail'] instanceof Uint8Array ? record['thumbnail'] : undefined;
  }

  /** The vector that a model made of a video; undefined where there is none. @throws SearchError `model-missing` */
  async vector(id: string, name: string): Promise<ModelVector | undefined> {
    const model = this.#modelNamed(name);
    const column = columnOf(model);
    const values = (await this.#records([id], ['id', column])).get(id)?.[column];
    if (values === null || values === undefined) return undefined;
    return { model: name, hash: model.hash, values: Float32Array.from(values as ArrayLike<number>) };
  }

  /** All vectors of a model with their ids, in no order. @throws SearchError `model-missing` */
  vectors(name: string): AsyncGenerator<{ readonly id: string; readonly values: Float32Array }> {
    const { table } = this.#table();
    return readVectors(table, columnOf(this.#modelNamed(name)));
  }

  /**
   * The best videos for a query, best first. Several rankings (vectors of several models, words) are fused by their
   * ranks.
   *
   * @throws SearchError `query`, `row`, `model-missing`, `model-other` where the query is wrong
   */
  search(query: IndexQuery): Promise<IndexHit[]> {
    return this.#run('searched', (open) => search(open, this.#models, query, this.#exactUpTo));
  }

  /** How many videos there are of each category and tag, the most frequent first, among those of a filter. */
  facets(filter: IndexQuery['filter'] = {}): Promise<IndexFacets> {
    return this.#run('read', ({ table }) => countFacets(table, conditionOf(filter)));
  }

  async stats(): Promise<IndexStatistics> {
    const { where } = this;
    return this.#run('read', async ({ table }) => ({
      where,
      videos: await table.countRows(),
      bytes: isRemote(where) ? undefined : await sizeOnDisk(where),
      version: await table.version(),
      models: await vectorStatistics(table, this.#models, this.#exactUpTo),
    }));
  }

  /** Joins small files, brings graphs and words up to date, and drops older states of the table. */
  async compact({ keepMs = 600_000, onMessage }: CompactOptions = {}): Promise<void> {
    await this.#run('compacted', async (open) => {
      await ensureIndices(open, this.#models, this.#exactUpTo, onMessage);
      onMessage?.('joining small files, bringing indices up to date');
      await open.table.optimize({ cleanupOlderThan: new Date(Date.now() - keepMs) });
    });
  }

  /** Frees what it holds. `await using` calls it. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#open.table.close();
    this.#open.connection.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #records(ids: readonly string[], columns: readonly string[]) {
    return this.#run('read', ({ table }) => readRecords(table, [...new Set(ids)], columns));
  }

  #table(): OpenTable {
    if (!this.#closed) return this.#open;
    throw new SearchError({ where: this.where, expected: 'an open index', got: 'a closed one', code: 'index-closed' });
  }

  /** Failures of the database are told in this library's words. */
  async #run<T>(doing: Doing, work: (open: OpenTable) => Promise<T>): Promise<T> {
    const open = this.#table();
    try {
      return await work(open);
    } catch (error) {
      throw error instanceof WbdcError ? error : databaseError(this.where, doing, error);
    }
  }

  #modelNamed(name: string): IndexModel {
    const model = this.#models.find((one) => one.name === name);
    if (model !== undefined) return model;
    const got = this.#models.map((one) => one.name).join(', ') || 'none';
    throw new SearchError({ where: this.where, expected: `vectors '${name}'`, got, code: 'model-missing' });
  }
}

function otherModel(where: string, there: IndexModel, model: IndexModel): SearchError {
  const of = ({ hash, width }: IndexModel): string => `${hash} (${width} values)`;
  const expected = `vectors '${there.name}' of the model ${of(there)}`;
  const advice = 'use that model, another name for the new one, or another index';
  return new SearchError({ where, expected, got: `those of ${of(model)}`, advice, code: 'model-other' });
}
