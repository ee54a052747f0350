import { existsSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import type { WorkerJob, WorkerResult } from './decode-worker.js';
import type { DecodeSettings, DecodeVideo, DecodedVideo, VideoInput } from './decode-video.js';
import { SourceError } from './errors.js';

/** Threads that decode videos beside the one that computes. */
export interface DecodeWorkers {
  /** To pass to `extractFeatures`. */
  readonly decode: DecodeVideo;
  close(): Promise<void>;
}

export interface DecodeWorkersOptions {
  /** Number of threads. On a machine whose engine uses all cores, one or two are enough. */
  readonly threads: number;
  /** The thread's program; the built `decode-worker.js` of this package by default. */
  readonly program?: URL;
}

interface Waiting {
  resolve(decoded: DecodedVideo): void;
  reject(error: Error): void;
}

/** Starts threads; each takes the next video when it has the fewest in hand. Close them, or the process stays. */
export function decodeWorkers(options: DecodeWorkersOptions): DecodeWorkers {
  const program = options.program ?? new URL('./decode-worker.js', import.meta.url);
  if (program.protocol === 'file:' && !existsSync(program)) {
    throw new Error(`expected ${program.pathname} to start threads, found none: build the package (npx tsc -b)`);
  }
  if (!(options.threads >= 1)) throw new RangeError(`expected at least 1 thread, got ${options.threads}`);
  const threads = Array.from({ length: options.threads }, () => new Thread(program));
  return {
    decode: (video, settings) => threads.reduce((a, b) => (b.load < a.load ? b : a)).decode(video, settings),
    close: async () => void (await Promise.all(threads.map((thread) => thread.close()))),
  };
}

class Thread {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiting>();
  #jobs = 0;
  #failure: Error | undefined;

  constructor(program: URL) {
    this.#worker = new Worker(program);
    this.#worker.on('message', (result: WorkerResult) => this.#settle(result));
    this.#worker.on('error', (error) => this.#fail(error));
    this.#worker.on('exit', () => this.#fail(new Error('a decoding thread ended before its videos were done')));
  }

  /** Videos in hand; a broken thread counts as fully loaded. */
  get load(): number {
    return this.#failure ? Infinity : this.#waiting.size;
  }

  decode(video: VideoInput, settings: DecodeSettings): Promise<DecodedVideo> {
    if (this.#failure) return Promise.reject(this.#failure);
    const job: WorkerJob = { job: this.#jobs++, video, settings };
    return new Promise((resolve, reject) => {
      this.#waiting.set(job.job, { resolve, reject });
      this.#worker.postMessage(job);
    });
  }

  #settle(result: WorkerResult): void {
    const waiting = this.#waiting.get(result.job);
    this.#waiting.delete(result.job);
    if ('decoded' in result) waiting?.resolve(result.decoded);
    else waiting?.reject(result.source ? new SourceError(result.message) : new Error(result.message));
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    for (const { reject } of this.#waiting.values()) reject(this.#failure);
    this.#waiting.clear();
  }

  async close(): Promise<void> {
    await this.#worker.terminate();
  }
}
