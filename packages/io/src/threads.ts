import { existsSync } from 'node:fs';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker, parentPort, workerData, type Transferable } from 'node:worker_threads';

/** An error on its way between threads, which strip it of its class and fields. */
export interface Failure {
  readonly name: string;
  readonly message: string;
  readonly stack?: string | undefined;
  readonly code?: unknown;
  readonly path?: unknown;
}

type Answer<Reply> = { readonly job: number } & ({ readonly reply: Reply } | { readonly failure: Failure });

export interface ThreadOptions {
  /** The program: a module beside the caller's, see {@link besideProgram}. */
  readonly program: URL;
  /** What the thread does, for errors: `a decoding thread`. */
  readonly name: string;
  /** Given to the program's start; shared buffers are shared, all else is copied. */
  readonly data?: unknown;
  /** Makes an error of the right class out of what a thread reports. */
  readonly revive?: (failure: Failure) => Error;
}

/**
 * Threads inherit Node's flags; that the main program is given as text is not true of theirs, and Node then refuses.
 */
const EXEC_ARGV = process.execArgv.some((flag) => flag.startsWith('--input-type')) ? { execArgv: [] } : {};

interface Waiting<Reply> {
  resolve(reply: Reply): void;
  reject(error: Error): void;
}

/**
 * A thread that answers requests, several at a time where its program is asynchronous. While it has work in hand it
 * keeps the process alive; when idle it does not, so that a thread somebody forgot to close stops nobody from ending.
 */
export class Thread<Request, Reply> {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiting<Reply>>();
  #jobs = 0;
  #failure: Error | undefined;

  constructor(private readonly options: ThreadOptions) {
    this.#worker = new Worker(options.program, { workerData: options.data, ...EXEC_ARGV });
    this.#worker.unref();
    this.#worker.on('message', (answer: Answer<Reply>) => this.#settle(answer));
    this.#worker.on('error', (error) => this.#fail(error));
    this.#worker.on('exit', () => this.#fail(new Error(`${options.name} ended before its work was done`)));
  }

  /** Requests in hand; a broken thread counts as fully loaded. */
  get load(): number {
    return this.#failure ? Infinity : this.#waiting.size;
  }

  ask(request: Request): Promise<Reply> {
    if (this.#failure) return Promise.reject(this.#failure);
    const job = this.#jobs++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(job, { resolve, reject });
      this.#worker.ref();
      this.#worker.postMessage({ job, request });
    });
  }

  /** Ends the thread at once; requests in hand are rejected. */
  async close(): Promise<void> {
    await this.#worker.terminate();
  }

  #settle(answer: Answer<Reply>): void {
    const waiting = this.#waiting.get(answer.job);
    this.#waiting.delete(answer.job);
    if (this.#waiting.size === 0) this.#worker.unref();
    if ('reply' in answer) waiting?.resolve(answer.reply);
    else waiting?.reject((this.options.revive ?? reviveError)(answer.failure));
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    for (const { reject } of this.#waiting.values()) reject(this.#failure);
    this.#waiting.clear();
  }
}

/** An error as another thread threw it, but for its class. */
export function reviveError({ message, stack, code, path }: Failure): Error {
  const error = new Error(message);
  return Object.assign(error, stack && { stack }, code !== undefined && { code }, path !== undefined && { path });
}

/** The program `name` beside the module that asks, which gives its `import.meta.url`. @throws where it is not built */
export function besideProgram(name: string, from: string): URL {
  const program = new URL(`./${name}${extname(from)}`, from);
  if (program.protocol !== 'file:' || existsSync(program)) return program;
  throw new Error(`expected ${fileURLToPath(program)} to start threads, found none: build the package (npx tsc -b)`);
}

/** A reply, and which of its buffers move to the asker instead of being copied. */
export interface Moved<Reply> {
  readonly reply: Reply;
  readonly transfer: readonly Transferable[];
}

/**
 * The other side: inside a thread's program, answers every request, `atOnce` of them at a time and the others in their
 * order. `start` gets the thread's data.
 */
export function answerRequests<Data, Request, Reply>(
  start: (data: Data) => (request: Request) => Promise<Moved<Reply>>,
  { atOnce = Infinity }: { readonly atOnce?: number } = {},
): void {
  const port = parentPort;
  if (!port) throw new Error('expected to run in a thread of its own, got the main thread');
  const handle = start(workerData as Data);
  const waiting: { readonly job: number; readonly request: Request }[] = [];
  let running = 0;
  const next = (): void => {
    if (running >= atOnce || waiting.length === 0) return;
    const { job, request } = waiting.shift()!;
    running++;
    handle(request)
      .then(
        ({ reply, transfer }) => port.postMessage({ job, reply }, transfer),
        (error: unknown) => port.postMessage({ job, failure: failureOf(error) }),
      )
      .finally(() => {
        running--;
        next();
      });
  };
  port.on('message', (message: { job: number; request: Request }) => {
    waiting.push(message);
    next();
  });
}

function failureOf(error: unknown): Failure {
  if (!(error instanceof Error)) return { name: 'Error', message: String(error) };
  const { name, message, stack } = error;
  const { code, path } = error as NodeJS.ErrnoException;
  return { name, message, stack, code, path };
}
