import { setMaxListeners } from 'node:events';
import { ServeError } from './errors.js';

/** How requests are gathered. */
export interface BatchSettings {
  /** Items that are worked on at once, at most. */
  readonly size: number;
  /** A batch waits so long for more, in milliseconds. */
  readonly waitMs: number;
  /** Items that may wait; more are refused. */
  readonly maxQueue: number;
  /** Batches under way at once: one computes while the files of the next are decoded. */
  readonly atOnce: number;
}

interface Waiting<I, O> {
  readonly item: I;
  readonly signal: AbortSignal;
  readonly since: number;
  resolve(result: O): void;
  reject(reason: unknown): void;
}

/** Works on the items of a batch, and gives a result for each. */
export type RunBatch<I, O> = (items: readonly I[], signal: AbortSignal) => PromiseLike<readonly O[]>;

/**
 * Dynamic batching: items of many requests pass through a model together. A batch starts when it is full, or when its
 * first item has waited `waitMs`; items whose requests have ended meanwhile are left out.
 */
export class Batcher<I, O> {
  readonly #waiting: Waiting<I, O>[] = [];
  #running = 0;
  #timer: NodeJS.Timeout | undefined;
  /** Milliseconds of an item, followed from batch to batch. */
  #pace = 0;

  constructor(
    private readonly run: RunBatch<I, O>,
    private readonly settings: BatchSettings,
    private readonly onBatch: (size: number) => void = () => undefined,
  ) {}

  /** Items that wait. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /**
   * Results of items, in their order.
   * @throws ServeError `queue-full`, for all of them; the signal's reason when it is aborted
   */
  async submit(items: readonly I[], signal: AbortSignal): Promise<O[]> {
    signal.throwIfAborted();
    const { maxQueue } = this.settings;
    if (this.#waiting.length + items.length > maxQueue) throw this.#full(items.length);
    const entries: Waiting<I, O>[] = [];
    const results = items.map((item) => {
      return new Promise<O>((resolve, reject) => {
        entries.push({ item, signal, since: performance.now(), resolve, reject });
      });
    });
    this.#waiting.push(...entries);
    // A request's signal goes with the request, and its listener with it.
    signal.addEventListener('abort', () => entries.forEach((entry) => this.#leave(entry)), { once: true });
    this.#next();
    return Promise.all(results);
  }

  #full(count: number): ServeError {
    const seconds = Math.max(1, Math.ceil((this.#pace * this.#waiting.length) / 1000));
    const got = `${this.#waiting.length} and ${count} more`;
    const expected = `at most ${this.settings.maxQueue} videos that wait`;
    return new ServeError({ expected, got, code: 'queue-full' }, { retryAfter: Math.min(60, seconds) });
  }

  #leave(entry: Waiting<I, O>): void {
    const place = this.#waiting.indexOf(entry);
    if (place >= 0) this.#waiting.splice(place, 1);
    entry.reject(entry.signal.reason);
  }

  #next(): void {
    clearTimeout(this.#timer);
    if (this.#running >= this.settings.atOnce || this.#waiting.length === 0) return;
    const left = this.#waiting[0].since + this.settings.waitMs - performance.now();
    if (this.#waiting.length >= this.settings.size || left <= 0) void this.#start();
    else this.#timer = setTimeout(() => this.#next(), Math.ceil(left));
  }

  async #start(): Promise<void> {
    const batch = this.#waiting.splice(0, this.settings.size);
    this.#running++;
    this.#next();
    const started = performance.now();
    this.onBatch(batch.length);
    try {
      await this.#work(batch, whenAll(batch.map(({ signal }) => signal)));
    } finally {
      const pace = (performance.now() - started) / batch.length;
      this.#pace = this.#pace === 0 ? pace : 0.8 * this.#pace + 0.2 * pace;
      this.#running--;
      this.#next();
    }
  }

  /** One item that makes a batch fail takes no other with it: then each is worked on alone. */
  async #work(batch: readonly Waiting<I, O>[], signal: AbortSignal): Promise<void> {
    try {
      const results = await this.run(
        batch.map(({ item }) => item),
        signal,
      );
      batch.forEach(({ resolve }, i) => resolve(results[i]));
    } catch (error) {
      if (batch.length === 1 || signal.aborted) for (const { reject } of batch) reject(error);
      else for (const entry of batch) await this.#work([entry], entry.signal);
    }
  }
}

/** Aborted once all of them are: nobody waits any longer. */
function whenAll(signals: readonly AbortSignal[]): AbortSignal {
  const all = new AbortController();
  setMaxListeners(0, all.signal); // one for each video that is decoded
  let left = signals.length;
  for (const signal of new Set(signals)) {
    const count = signals.filter((one) => one === signal).length;
    const leave = (): void => {
      left -= count;
      if (left === 0) all.abort(signal.reason);
    };
    if (signal.aborted) leave();
    else signal.addEventListener('abort', leave, { once: true });
  }
  return all.signal;
}
