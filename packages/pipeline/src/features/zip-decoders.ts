import { open } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { isRemote, type RemoteOptions } from '@wbdc/io/remote';
import { decodeWorkers, SourceError, type DecodeWorkers } from '@wbdc/video-features';

/** Enough for a tower on a GPU; on the processor itself, half of the cores decode far more than it takes. */
const MOST_THREADS = 8;

/**
 * Threads that decode zips of frames; by default half of the processors, 8 at most. Any file may hold a video, so a
 * damaged zip would ask for a video decoder; in the WBDC layout it is a zip or it is damaged, and that is the fault of
 * this one video.
 *
 * @param remote how frames on a server are read; without it none are
 */
export function zipDecoders(threads?: number | null, remote?: RemoteOptions): DecodeWorkers {
  const half = Math.min(MOST_THREADS, Math.max(1, availableParallelism() >> 1));
  const { decode, close } = decodeWorkers({ threads: threads ?? half });
  return {
    decode: async (video, settings) => {
      if (remote !== undefined && isRemote(video.path)) return decode(video, { ...settings, remote });
      const start = await firstBytes(video.path);
      if (start === undefined || start === 'PK') return decode(video, settings);
      throw new SourceError(`${video.path}: expected a zip of pictures, got something else. Replace the file.`);
    },
    close,
  };
}

/** The first two bytes; nothing where there is no file, which the decoder explains. */
async function firstBytes(path: string): Promise<string | undefined> {
  const file = await open(path).catch(() => undefined);
  if (file === undefined) return undefined;
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(2), 0, 2, 0);
    return buffer.toString('latin1', 0, bytesRead);
  } finally {
    await file.close();
  }
}
