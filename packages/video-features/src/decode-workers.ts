import { Thread, besideProgram, reviveError } from '@wbdc/io/threads';
import type { DecodeRequest } from './decode-worker.js';
import type { DecodedVideo } from './decode-frames.js';
import type { DecodeVideo } from './decode-video.js';
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
}

/** Starts threads; a video goes to the one that has the fewest in hand. */
export function decodeWorkers(options: DecodeWorkersOptions): DecodeWorkers {
  if (!(options.threads >= 1)) throw new RangeError(`expected at least 1 thread, got ${options.threads}`);
  const program = besideProgram('decode-worker', import.meta.url);
  const threads = Array.from(
    { length: options.threads },
    () =>
      new Thread<DecodeRequest, DecodedVideo>({
        program,
        name: 'a decoding thread',
        revive: (failure) => (failure.name === 'SourceError' ? new SourceError(failure.message) : reviveError(failure)),
      }),
  );
  return {
    decode: (video, settings) => threads.reduce((a, b) => (b.load < a.load ? b : a)).ask({ video, settings }),
    close: async () => void (await Promise.all(threads.map((thread) => thread.close()))),
  };
}
