import { WbdcError } from '@wbdc/io/errors';
import { SourceError } from '../errors.js';
import { hasFfmpeg, openWithFfmpeg } from './ffmpeg.js';
import { loadMediabunny, openWithMediabunny } from './mediabunny.js';
import type { FrameSource, SourceLimits } from './source.js';

/** Neither is a dependency: `npm install mediabunny @mediabunny/server`, or ffmpeg and ffprobe on the PATH. */
export type VideoBackend = 'mediabunny' | 'ffmpeg';

/** What of the two is here, in the order in which they are taken. */
export async function videoBackends(): Promise<VideoBackend[]> {
  const [library, programs] = await Promise.all([loadMediabunny(), hasFfmpeg()]);
  return [...(library ? (['mediabunny'] as const) : []), ...(programs ? (['ffmpeg'] as const) : [])];
}

/** A video file (mp4, mov, webm, mkv...), its frames and their times known, none decoded yet. */
export async function openVideoFile(path: string, limits: SourceLimits, backend?: VideoBackend): Promise<FrameSource> {
  const mediabunny = backend === 'ffmpeg' ? undefined : await loadMediabunny();
  const open = async (): Promise<FrameSource> => {
    if (mediabunny) return openWithMediabunny(mediabunny, path, limits);
    if (backend !== 'mediabunny' && (await hasFfmpeg())) return openWithFfmpeg(path, limits);
    throw new WbdcError(
      `${path}: expected ${backend ?? 'mediabunny or ffmpeg'} to decode a video file, found none. Install one: ` +
        'npm install mediabunny @mediabunny/server; or put ffmpeg and ffprobe on the PATH.',
    );
  };
  const source = await open();
  if (source.count > 0) return source;
  await source.close();
  throw new SourceError(`${path}: expected at least one frame, got none. Replace the file, or leave the video out.`);
}
