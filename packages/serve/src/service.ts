import { setMaxListeners } from 'node:events';
import type { FastifyReply } from 'fastify';
import type { VideoIndex } from '@wbdc/search';
import type { DecodeVideo } from '@wbdc/video-features';
import { ServeError } from './errors.js';
import type { Media } from './media.js';
import type { ServeMetrics } from './metrics.js';
import type { Models, ServedModel } from './models.js';
import type { ServeLimits } from './options.js';

/** What the routes share. */
export interface Service {
  readonly models: Models;
  readonly index: VideoIndex | undefined;
  /** The name of the similarity model's vectors in the index. */
  readonly vectors: string;
  readonly media: Media;
  readonly corrections: string | undefined;
  readonly limits: ServeLimits;
  readonly metrics: ServeMetrics;
  readonly decode: DecodeVideo;
  readonly requests: Requests;
}

/** The index, where there is one. @throws ServeError `missing` */
export function indexOf({ index }: Service): VideoIndex {
  if (index !== undefined) return index;
  throw new ServeError({ expected: 'a server with an index', got: 'one without', code: 'missing' });
}

/** The model whose vectors the index has; the first that embeds where it has none yet. */
export function embedderOf(service: Service): ServedModel | undefined {
  const { models, vectors: name } = service;
  const known = indexOf(service).models.find((model) => model.name === name);
  return models.all.find(({ task, hash }) => task === 'embed' && hash === (known?.hash ?? hash));
}

/** {@link embedderOf}, where there has to be one. @throws ServeError `missing` */
export function needEmbedder(service: Service): ServedModel {
  const found = embedderOf(service);
  if (found !== undefined) return found;
  const expected = `a model that makes the vectors '${service.vectors}' of the index`;
  throw new ServeError({ expected, got: 'none here', code: 'missing' });
}

/** Requests under way: they end when their client leaves, when they take too long, and when the server does. */
export class Requests {
  readonly #running = new Set<AbortController>();
  #uploads = 0;
  #closing = false;

  constructor(private readonly limits: Pick<ServeLimits, 'timeoutMs' | 'uploads' | 'drainMs'>) {}

  get closing(): boolean {
    return this.#closing;
  }

  /** Runs what a request asks for; its signal says when nobody waits for the answer any longer. */
  async run<T>(reply: FastifyReply, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    if (this.#closing) throw closingError();
    const controller = new AbortController();
    setMaxListeners(0, controller.signal); // one for each batch that has a video of the request
    const { timeoutMs } = this.limits;
    const late = (): void => {
      const [expected, got] = [`an answer within ${timeoutMs} ms`, 'none'];
      controller.abort(new ServeError({ expected, got, code: 'timeout' }));
    };
    const timer = setTimeout(late, timeoutMs);
    const left = (): void => controller.abort(new ClientLeft());
    reply.raw.once('close', left);
    this.#running.add(controller);
    try {
      return await work(controller.signal);
    } catch (error) {
      throw controller.signal.aborted ? controller.signal.reason : error;
    } finally {
      clearTimeout(timer);
      reply.raw.off('close', left);
      this.#running.delete(controller);
    }
  }

  /** The same for an upload, of which there are only so many at once. @throws ServeError `queue-full` */
  async upload<T>(reply: FastifyReply, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const { uploads } = this.limits;
    if (this.#uploads >= uploads) {
      const expected = `at most ${uploads} uploads at once`;
      throw new ServeError({ expected, got: 'one more', code: 'queue-full' }, { retryAfter: 1 });
    }
    this.#uploads++;
    try {
      return await this.run(reply, work);
    } finally {
      this.#uploads--;
    }
  }

  /** Takes no more; those under way have `drainMs` to end. */
  async drain(): Promise<void> {
    this.#closing = true;
    const until = Date.now() + this.limits.drainMs;
    while (this.#running.size > 0 && Date.now() < until) await new Promise((done) => setTimeout(done, 20));
    for (const controller of this.#running) controller.abort(closingError());
  }
}

function closingError(): ServeError {
  return new ServeError({ expected: 'a server that runs', got: 'one that ends', code: 'closing' }, { retryAfter: 5 });
}

/** Nobody is there to be answered. */
export class ClientLeft extends Error {
  override readonly name = 'ClientLeft';
  constructor() {
    super('the client left');
  }
}
