/** Rows as they come, one after another, or `await`ed all at once. Nothing is computed before somebody asks. */
export interface Rows<T> extends AsyncIterableIterator<T>, PromiseLike<T[]> {
  /** Stops early: what was opened is closed. `break` in a `for await` calls it. */
  return(): Promise<IteratorResult<T>>;
}

/** @param generator gives the rows; started by the first request */
export function rowsOf<T>(generator: AsyncGenerator<T, void, undefined>): Rows<T> {
  let all: Promise<T[]> | undefined;
  const rows: Rows<T> = {
    next: () => generator.next(),
    return: () => generator.return(),
    [Symbol.asyncIterator]: () => rows,
    then: (onFulfilled, onRejected) => {
      all ??= collect(generator);
      return all.then(onFulfilled, onRejected);
    },
  };
  return rows;
}

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

/** A promise that a signal may cut short; what was asked for goes on, unheard. */
export function orAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason as Error);
    if (signal.aborted) abort();
    const waiting = waitingFor(signal);
    waiting.add(abort);
    promise.then(resolve, reject).finally(() => waiting.delete(abort));
  });
}

/** Who waits for a signal: one listener tells them all, since Node warns of a leak where many are added. */
const WAITING = new WeakMap<AbortSignal, Set<() => void>>();

function waitingFor(signal: AbortSignal): Set<() => void> {
  const known = WAITING.get(signal);
  if (known) return known;
  const waiting = new Set<() => void>();
  WAITING.set(signal, waiting);
  signal.addEventListener('abort', () => waiting.forEach((abort) => abort()), { once: true });
  return waiting;
}

/** A signal that says what the first of others says, until somebody leaves. */
export interface EitherSignal {
  readonly signal: AbortSignal;
  leave(): void;
}

/**
 * Unlike that of `AbortSignal.any`, of which Node keeps some bytes for as long as the longest-lived of the others is
 * there, nothing of it stays behind. Of the signals one may be a model's, which many batches share.
 */
export function eitherOf(...signals: readonly (AbortSignal | undefined)[]): EitherSignal {
  const either = new AbortController();
  const leaves = signals.flatMap((signal) => {
    if (signal === undefined) return [];
    const abort = (): void => either.abort(signal.reason);
    if (signal.aborted) abort();
    const waiting = waitingFor(signal);
    waiting.add(abort);
    return [() => waiting.delete(abort)];
  });
  return { signal: either.signal, leave: () => leaves.forEach((leave) => leave()) };
}

/** The items of a source until a signal ends them, also while the source lets somebody wait. */
export async function* untilAborted<T>(
  source: Iterable<T> | AsyncIterable<T>,
  signal: AbortSignal,
): AsyncGenerator<T, void, undefined> {
  const iterator = Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator]();
  let ended = false;
  try {
    for (;;) {
      ended = true; // also where it throws: it is closed then
      const { done, value } = await orAborted(Promise.resolve(iterator.next()), signal);
      if (done) return;
      ended = false;
      yield value;
    }
  } finally {
    // A source that somebody waits for answers only when it has something: it is told, and not waited for.
    const close = async (): Promise<unknown> => iterator.return?.();
    if (signal.aborted) close().catch(() => undefined);
    else if (!ended) await close();
  }
}
