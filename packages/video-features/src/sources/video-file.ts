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

/** What opens video files. */
export interface VideoDecoder {
  readonly name: VideoBackend;
  open(path: string, limits: SourceLimits): Promise<FrameSource>;
}

/** A video file (mp4, mov, webm, mkv...), its frames and their times known, none decoded yet. */
export async function openVideoFile(path: string, limits: SourceLimits, backend?: VideoBackend): Promise<FrameSource> {
  const decoders = await installedDecoders(backend);
  if (decoders.length > 0) return openWithAny(decoders, path, limits);
  throw new WbdcError(
    `${path}: expected ${backend ?? 'mediabunny or ffmpeg'} to decode a video file, found none. Install one: ` +
      'npm install mediabunny @mediabunny/server; or put ffmpeg and ffprobe on the PATH.',
  );
}

/** Those that are here, in the order in which they are tried. */
async function installedDecoders(backend: VideoBackend | undefined): Promise<VideoDecoder[]> {
  const decoders: VideoDecoder[] = [];
  const library = backend === 'ffmpeg' ? undefined : await loadMediabunny();
  if (library) {
    decoders.push({ name: 'mediabunny', open: (path, limits) => openWithMediabunny(library, path, limits) });
  }
  if (backend !== 'mediabunny' && (await hasFfmpeg())) decoders.push({ name: 'ffmpeg', open: openWithFfmpeg });
  return decoders;
}

/**
 * A video file through the first of some decoders that reads it: mediabunny knows no AVI, MPEG-PS, WMV and FLV, ffmpeg
 * does.
 *
 * @throws SourceError with what each of them says
 */
export async function openWithAny(
  decoders: readonly VideoDecoder[],
  path: string,
  limits: SourceLimits,
): Promise<FrameSource> {
  const errors: SourceError[] = [];
  for (const { open } of decoders) {
    try {
      return await openSome(open, path, limits);
    } catch (error) {
      if (!(error instanceof SourceError)) throw error;
      errors.push(error);
    }
  }
  if (errors.length === 1) throw errors[0];
  const said = errors.map(({ message }, i) => `${decoders[i].name}: ${message.replace(`${path}: `, '')}`);
  throw new SourceError(`${path}: no decoder reads it. ${said.join(' ')}`, { cause: errors[0] });
}

async function openSome(open: VideoDecoder['open'], path: string, limits: SourceLimits): Promise<FrameSource> {
  const source = await open(path, limits);
  if (source.count > 0) return source;
  await source.close();
  throw new SourceError(`${path}: expected at least one frame, got none. Replace the file, or leave the video out.`);
}
