import type { TrainedModel } from '@wbdc/pipeline';
import type { OpenClip } from '@wbdc/pipeline/apply';
import type { VideoIndex } from '@wbdc/search';
import type { DecodeVideo } from '@wbdc/video-features';

/** What a server serves, and how. */
export interface ServeOptions {
  /** Open models, CLIPs among them, by the names that requests call them; `close()` of the server leaves them open. */
  readonly models: Readonly<Record<string, ServableModel>>;
  /** An open index for the searches. */
  readonly index?: VideoIndex;
  /** What the vectors of the model that embeds are called in the index: `video`. */
  readonly vectors?: string;
  /** The address to listen on; only this machine by default. */
  readonly host?: string;
  /** 8080; 0 takes a free one. */
  readonly port?: number;
  /** Bearer tokens of those who may ask; none: everybody who reaches the server. */
  readonly tokens?: readonly string[];
  /** Folders whose files requests may name, and the page plays. None by default: no path of a request is opened. */
  readonly media?: readonly string[];
  /** A file to which corrections of labels are added, a line of JSON each: a table for `wbdc prepare`, `*.jsonl`. */
  readonly corrections?: string;
  readonly limits?: Partial<ServeLimits>;
  /** Decodes pictures of added videos; a thread of its own, for instance. */
  readonly decode?: DecodeVideo;
  /** Where lines of its log go, in JSON; nowhere by default. */
  readonly log?: { write(line: string): void };
}

/** A finetuned or pretrained model, or a CLIP. */
export type ServableModel = TrainedModel | OpenClip;

/** What bounds a server. */
export interface ServeLimits {
  /** Videos that pass through a model together, at most: 16. */
  readonly batchSize: number;
  /** A batch waits so long for more videos, in milliseconds: 5. */
  readonly batchWaitMs: number;
  /** Batches of a model under way at once: 2, one computes while the files of the next are decoded. */
  readonly batchesAtOnce: number;
  /** Videos that may wait for a model: 256. More are refused with 429. */
  readonly queue: number;
  /** A request takes at most so long, in milliseconds: 60,000. */
  readonly timeoutMs: number;
  /** Largest file of an upload, in bytes: 512 MiB. */
  readonly fileBytes: number;
  /** Files of an upload: 32. */
  readonly files: number;
  /** Uploads at once: 16. More are refused with 429. */
  readonly uploads: number;
  /** Largest JSON body, in bytes: 8 MiB. */
  readonly bodyBytes: number;
  /** When it closes, requests under way have so long to end, in milliseconds: 30,000. */
  readonly drainMs: number;
}

export const DEFAULT_LIMITS: ServeLimits = {
  batchSize: 16,
  batchWaitMs: 5,
  batchesAtOnce: 2,
  queue: 256,
  timeoutMs: 60_000,
  fileBytes: 2 ** 29,
  files: 32,
  uploads: 16,
  bodyBytes: 2 ** 23,
  drainMs: 30_000,
};
