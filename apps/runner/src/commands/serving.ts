import type { VideoInput } from '@wbdc/video-features';
import { UserError } from '../core/errors.js';
import type { Host } from '../core/host.js';
import { interruptible } from '@wbdc/io/interrupt';
import { Output } from '../core/output.js';
import type { Lines } from './serve/lines.js';
import type { Session } from './serve/session.js';
import type { JsonObject } from '../run/stage.js';
import type { ServeCommandOptions } from './serve-options.js';

/** What a command does with the paths of its videos. */
type Serve<O> = (videos: readonly string[], options: O, output: Output, signal: AbortSignal) => Promise<void>;

/**
 * The action of a command that applies a model; what does the work is loaded when it is asked for, so that `--help` is
 * quick.
 */
export function serveAction<O extends ServeCommandOptions>(
  host: Host,
  load: () => Promise<Serve<O>>,
): (videos: string[], options: O) => Promise<number> {
  return async (videos, options) => {
    const run = async (signal: AbortSignal): Promise<number> => {
      const serve = await load();
      await serve(videos, options, new Output(host, options), signal);
      return 0;
    };
    return interruptible(host, run, 'stopped; lines written to a file stay, and --resume adds the rest');
  };
}

/** Writes a line per video, as they come. Not one readable video is an error. */
export async function writeRows<T extends { readonly id: string }>(
  session: Omit<Session, 'model'> & { readonly model: { readonly where: string; readonly dtype?: string } },
  lines: Lines,
  rows: AsyncIterable<T>,
  describe: (row: T) => object,
  summary: () => Promise<JsonObject> = () => Promise.resolve({}),
): Promise<void> {
  const { watch, markOf, skipped, videos, before, model } = session;
  const dtype = model.dtype && model.dtype !== 'fp32' ? { dtype: model.dtype } : {};
  for await (const { video, row } of watch(rows)) {
    await lines.write({ ...named(video), ...describe(row), ...dtype, input: await markOf(video) });
  }
  assertSome(before + videos.length, skipped.length);
  lines.end({ model: model.where, count: videos.length - skipped.length, skipped, ...(await summary()) });
}

/** How a video is named in a line. */
export function named({ id, path }: VideoInput): JsonObject {
  return { id, path };
}

export function assertSome(all: number, skipped: number): void {
  if (skipped === 0 || skipped < all) return;
  throw new UserError(all === 1 ? 'the video could not be read' : `none of the ${all} videos could be read`);
}
