import { open } from 'node:fs/promises';
import { decodeVideo, SourceError, type DecodeVideo } from '@wbdc/video-features';

/**
 * Decodes a zip of frames. Any file may hold a video, so a damaged zip would ask for a video decoder; in the WBDC layout
 * it is a zip or it is damaged, and that is the fault of this one video.
 */
export const decodeFrames: DecodeVideo = async (video, settings) => {
  const start = await firstBytes(video.path);
  if (start === undefined || start === 'PK') return decodeVideo(video, settings);
  throw new SourceError(`${video.path}: expected a zip of pictures, got something else. Replace the file.`);
};

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
