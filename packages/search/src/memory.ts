import { availableParallelism } from 'node:os';
import { setImmediate as breathe } from 'node:timers/promises';
import type { Index } from 'usearch';
import { inBatches } from './batches.js';
import { SearchError } from './errors.js';
import { assertId, assertModel, ownModel, unitVector, type IndexModel, type ModelVector } from './rows.js';
import type { VideoIndex } from './video-index.js';

export interface MemoryIndexOptions {
  /** Neighbours of a vector in the graph; 16. */
  readonly connectivity?: number;
  /** Candidates that are looked at when one is added; 128. */
  readonly expansionAdd?: number;
  /** Candidates that a search looks at; 384: of the 10 nearest of a million vectors 0.99 are found then. */
  readonly expansionSearch?: number;
  /** Threads that add; all processors. */
  readonly threads?: number;
}

export interface LoadMemoryIndexOptions extends MemoryIndexOptions {
  readonly signal?: AbortSignal;
  /** Told how many vectors are in it so far. */
  readonly onProgress?: (vectors: number) => void;
}

/** A vector with the id it is found by. */
export interface MemoryRow {
  readonly id: string;
  /** `[Dv]` */
  readonly values: ArrayLike<number>;
}

/** What is near, with its cosine. */
export interface MemoryHit {
  readonly id: string;
  readonly score: number;
}

type Usearch = typeof import('usearch');

/** @throws SearchError `usearch-missing` */
async function loadUsearch(): Promise<Usearch> {
  try {
    return await import('usearch');
  } catch (cause) {
    const got = (cause instanceof Error ? cause.message : String(cause)).split('\n')[0].slice(0, 200);
    const advice = 'npm install usearch@2.21.4';
    throw new SearchError({ expected: 'usearch', got, advice, code: 'usearch-missing' }, { cause });
  }
}

/** Vectors added at once: between two blocks whoever else waits has a turn. */
const BLOCK = 1024;
/** Rows of vectors that are allocated at once. */
const CHUNK = 65_536;
/** Times as many candidates as asked for are refined. */
const CANDIDATES = 4;
/** Of the values kept, for they are in [-1, 1]: cosines are right to about 1e-5. */
const SCALE = 32_767;

/**
 * An empty index in memory.
 *
 * @throws SearchError `usearch-missing`, or `query` where there can be no such model
 */
export async function createMemoryIndex(model: IndexModel, options: MemoryIndexOptions = {}): Promise<MemoryIndex> {
  assertModel(model);
  const { connectivity = 16, expansionAdd = 128, expansionSearch = 384, threads = availableParallelism() } = options;
  const { Index, MetricKind, ScalarKind } = await loadUsearch();
  const graph = new Index({
    ...{ dimensions: model.width, metric: MetricKind.Cos, quantization: ScalarKind.I8, connectivity, multi: false },
    ...{ expansion_add: expansionAdd, expansion_search: expansionSearch },
  });
  return new MemoryIndex(model, graph, threads);
}

/**
 * The vectors of a model of an index, in memory. Changes of the index are not followed: add and remove here too.
 *
 * @param name of the model, as the index calls it
 * @throws SearchError `usearch-missing`, `model-missing`
 */
export async function loadMemoryIndex(
  index: VideoIndex,
  name: string,
  { signal, onProgress, ...options }: LoadMemoryIndexOptions = {},
): Promise<MemoryIndex> {
  const vectors = index.vectors(name); // refuses a model that is not there before anything is made
  const memory = await createMemoryIndex(
    index.models.find((model) => model.name === name)!,
    options,
  );
  for await (const rows of inBatches(vectors, 4 * BLOCK)) {
    signal?.throwIfAborted();
    await memory.add(rows);
    onProgress?.(memory.size);
  }
  return memory;
}

/**
 * Vectors of one model in memory, beside an index that keeps them: a graph over bytes (usearch's HNSW), whose best are
 * refined with the vectors in 16 bits. For millions of vectors that are to be found within two milliseconds; it has no
 * words and no filters, and is gone with its process. Takes about `3 Dv + 300` bytes a vector.
 */
export class MemoryIndex {
  readonly #ids: string[] = [];
  readonly #slots = new Map<string, number>();
  readonly #free: number[] = [];
  readonly #chunks: Int16Array[] = [];

  /** @internal use {@link createMemoryIndex} or {@link loadMemoryIndex} */
  constructor(
    readonly model: IndexModel,
    private readonly graph: Index,
    private readonly threads: number,
  ) {}

  /** Vectors in it. */
  get size(): number {
    return this.#slots.size;
  }

  /** Adds vectors, or changes those of ids that are there. @throws SearchError `row`; its block is left out */
  async add(rows: Iterable<MemoryRow> | AsyncIterable<MemoryRow>): Promise<void> {
    for await (const block of inBatches(rows, BLOCK)) {
      this.#addBlock(block);
      await breathe();
    }
  }

  #addBlock(block: readonly MemoryRow[]): void {
    const { name, width } = this.model;
    const vectors = new Map<string, Float32Array>(); // of two with one id the later one counts
    for (const { id, values } of block) {
      assertId(id);
      vectors.set(id, unitVector({ model: name, hash: this.model.hash, values }, this.model, id));
    }
    this.remove(vectors.keys());
    const keys = new BigUint64Array(vectors.size);
    const flat = new Float32Array(vectors.size * width); // one row behind the other
    let row = 0;
    for (const [id, vector] of vectors) {
      const slot = this.#free.pop() ?? this.#ids.length;
      this.#ids[slot] = id;
      this.#slots.set(id, slot);
      const kept = this.#vectorAt(slot);
      for (let i = 0; i < width; i++) kept[i] = Math.round(vector[i] * SCALE);
      keys[row] = BigInt(slot);
      flat.set(vector, row++ * width);
    }
    this.graph.add(keys, flat, this.threads);
  }

  /** Takes vectors away. @returns how many were there */
  remove(ids: Iterable<string>): number {
    let removed = 0;
    for (const id of ids) {
      const slot = this.#slots.get(id);
      if (slot === undefined) continue;
      this.graph.remove(BigInt(slot));
      this.#slots.delete(id);
      this.#free.push(slot);
      removed++;
    }
    return removed;
  }

  /**
   * The nearest to a vector, the nearest first.
   *
   * @param limit from 1 to 10,000; 10
   * @throws SearchError `query`, `row`, `model-missing`, `model-other` where the query is wrong
   */
  search(vector: ModelVector, limit = 10): MemoryHit[] {
    if (!(Number.isInteger(limit) && limit >= 1 && limit <= 10_000)) {
      throw new SearchError({ expected: 'limit from 1 to 10,000', got: String(limit), code: 'query' });
    }
    const query = unitVector(vector, ownModel([this.model], vector, 'query'), 'query');
    if (this.size === 0) return [];
    const { keys } = this.graph.search(query, Math.min(this.size, CANDIDATES * limit), 1);
    const hits = Array.from(keys, (key) => {
      const slot = Number(key);
      return { id: this.#ids[slot], score: this.#cosine(query, slot) };
    });
    return hits.sort((a, b) => b.score - a.score).slice(0, limit);
  }

  #cosine(query: Float32Array, slot: number): number {
    const vector = this.#vectorAt(slot);
    let sum = 0;
    for (let i = 0; i < query.length; i++) sum += query[i] * vector[i];
    return Math.max(-1, Math.min(1, sum / SCALE));
  }

  /** `[Dv]`, a view. */
  #vectorAt(slot: number): Int16Array {
    const { width } = this.model;
    const chunk = (this.#chunks[Math.floor(slot / CHUNK)] ??= new Int16Array(CHUNK * width));
    const from = (slot % CHUNK) * width;
    return chunk.subarray(from, from + width);
  }
}
