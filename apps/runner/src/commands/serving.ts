import { UserError } from '../errors.js';
import { EXIT_INTERRUPTED, watchInterrupt } from '../interrupt.js';
import { Output } from '../output.js';
import type { Host } from '../program.js';
import type { Lines } from '../serve/lines.js';
import type { Session } from '../serve/session.js';
import type { Served } from '../serve/run.js';
import type { JsonObject } from '../stage.js';
import type { ServeCommandOptions } from './serve-options.js';

/** Runs a command that Ctrl-C ends after the current batch; gives the exit code. */
export async function interruptible(
  host: Host,
  options: ServeCommandOptions,
  run: (output: Output, signal: AbortSignal) => Promise<void>,
): Promise<number> {
  const say = (line: string): void => void host.stderr.write(`\n${line}\n`);
  const { signal, dispose } = watchInterrupt(host.signals, say, host.exit, host.now);
  try {
    await run(new Output(host, options), signal);
    return 0;
  } catch (error) {
    if (!signal.aborted || error !== signal.reason) throw error;
    host.stderr.write('stopped; lines written to a file stay, and --resume adds the rest\n');
    return EXIT_INTERRUPTED;
  } finally {
    dispose();
  }
}

/** Writes a line per video, as they come. Not one readable video is an error. */
export async function writeRows(
  { rows, skipped, videos, model }: Session,
  lines: Lines,
  describe: (row: Float32Array) => JsonObject,
): Promise<void> {
  for await (const { video, row } of rows) await lines.write({ ...named({ video }), ...describe(row) });
  assertSome(videos.length, skipped.length);
  lines.end({ model: model.folder, count: videos.length - skipped.length, skipped });
}

/** How a video is named in a line. */
export function named({ video: { id, path } }: Pick<Served, 'video'>): JsonObject {
  return { id, path };
}

export function assertSome(all: number, skipped: number): void {
  if (skipped === 0 || skipped < all) return;
  throw new UserError(all === 1 ? 'the video could not be read' : `none of the ${all} videos could be read`);
}
