import { UserError } from '../errors.js';
import { EXIT_INTERRUPTED, watchInterrupt } from '../interrupt.js';
import { Output } from '../output.js';
import type { Host } from '../program.js';
import type { Lines } from '../serve/lines.js';
import type { Session } from '../serve/session.js';
import type { Served } from '../serve/run.js';
import type { JsonObject } from '../stage.js';
import type { ServeCommandOptions } from './serve-options.js';

/** What a command does with the paths of its videos. */
type Serve<O> = (videos: readonly string[], options: O, output: Output, signal: AbortSignal) => Promise<void>;

/** The action of a command that applies a model; what does the work is loaded when it is asked for, so that `--help` is quick. */
export function serveAction<O extends ServeCommandOptions>(
  host: Host,
  outcome: { code: number },
  load: () => Promise<Serve<O>>,
): (videos: string[], options: O) => Promise<void> {
  return async (videos, options) => {
    const run = async (output: Output, signal: AbortSignal): Promise<void> =>
      (await load())(videos, options, output, signal);
    outcome.code = await interruptible(host, options, run);
  };
}

/** Runs what Ctrl-C ends after the current batch; gives the exit code. */
async function interruptible(
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
