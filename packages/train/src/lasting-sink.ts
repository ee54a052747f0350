import { FileError } from '@wbdc/io/errors';
import type { Sink } from './telemetry.js';

/**
 * A sink that ends no training: where the system refuses to write its file, on a full disk, say, that is told once and
 * the records are lost until there is room again. Other errors stay what they are.
 */
export function lastingSink(sink: Sink, onLost: (error: FileError) => void): Sink {
  let lost = false;
  const unhindered = async (work: () => void | Promise<void>): Promise<void> => {
    try {
      await work();
    } catch (error) {
      if (!(error instanceof FileError)) throw error;
      if (!lost) onLost(error);
      lost = true;
    }
  };
  return {
    write: (record) => unhindered(() => sink.write(record)),
    flush: () => unhindered(() => sink.flush?.()),
    close: () => unhindered(() => sink.close?.()),
  };
}
