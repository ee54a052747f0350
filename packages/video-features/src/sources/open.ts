import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isMissing } from '@wbdc/io';
import { isRemote, shownLocation, type RemoteOptions } from '@wbdc/io/remote';
import { SourceError } from '../errors.js';
import { readBounded } from '../frame-zip.js';
import { openPicture } from './animation.js';
import type { FoundVideo } from './find.js';
import { FIRST_BYTES, firstBytes } from './first-bytes.js';
import { openFolder, openPictures, openZip } from './pictures.js';
import { SOURCE_LIMITS, type FrameSource, type SourceLimits } from './source.js';
import { openVideoFile, type VideoBackend } from './video-file.js';

export interface OpenOptions {
  readonly limits?: SourceLimits;
  /** What decodes video files; by default whichever is installed. */
  readonly backend?: VideoBackend;
  /** With it, a path may be an address (`https://`, `s3://`); without it none is ever opened. */
  readonly remote?: RemoteOptions | undefined;
}

/**
 * Opens a folder of pictures, a zip of pictures, an animated GIF or WebP, a still picture, or a video file. The content
 * decides, not the name.
 *
 * @throws SourceError when the path does not exist or the content is broken
 */
export async function openFrameSource(path: string, options: OpenOptions = {}): Promise<FrameSource> {
  const limits = options.limits ?? SOURCE_LIMITS;
  if (options.remote !== undefined && isRemote(path)) {
    const bytes = await readBounded(path, limits.zip.maxBytes, options.remote);
    return openFrameBytes(bytes, shownLocation(path), options);
  }
  const status = await stat(path).catch((error: unknown) => {
    if (!isMissing(error)) throw error;
    throw new SourceError(`${path}: expected a video or a folder of pictures, found none. Check the path.`);
  });
  if (status.isDirectory()) return openFolder(path, limits);
  if (!status.isFile()) throw new SourceError(`${path}: expected a file or folder, got a device. Check the path.`);
  const start = latin1(await firstBytes(path));
  if (start.length === 0) throw new SourceError(`${path}: expected a video, got an empty file. Replace the file.`);
  if (start.startsWith('PK')) return openZip(path, limits);
  if (isPicture(start)) return openPicture(path, await readBounded(path, limits.image.maxBytes), limits);
  return openVideoFile(path, limits, options.backend);
}

/** Opens a video of {@link findVideos}: of a folder, only its pictures. */
export async function openFoundVideo(
  video: Pick<FoundVideo, 'path' | 'pictures'>,
  options: OpenOptions = {},
): Promise<FrameSource> {
  const { path, pictures } = video;
  return pictures ? openPictures(path, pictures, options.limits ?? SOURCE_LIMITS) : openFrameSource(path, options);
}

/**
 * The same as {@link openFrameSource} for a file whose contents are in memory. Video files are written to a temporary
 * one: what decodes them seeks.
 *
 * @param name what to call it in errors
 */
export async function openFrameBytes(bytes: Uint8Array, name: string, options: OpenOptions = {}): Promise<FrameSource> {
  const limits = options.limits ?? SOURCE_LIMITS;
  const start = latin1(bytes.subarray(0, FIRST_BYTES));
  if (start.length === 0) throw new SourceError(`${name}: expected a video, got no bytes. Leave the video out.`);
  if (start.startsWith('PK')) return openZip(name, limits, bytes);
  if (isPicture(start)) return openPicture(name, bytes, limits);
  return openTemporary(bytes, name, limits, options.backend);
}

async function openTemporary(
  bytes: Uint8Array,
  name: string,
  limits: SourceLimits,
  backend: VideoBackend | undefined,
): Promise<FrameSource> {
  const folder = await mkdtemp(join(tmpdir(), 'wbdc-video-'));
  const path = join(folder, 'video');
  const remove = (): Promise<void> => rm(folder, { recursive: true, force: true });
  const renamed = (error: unknown): unknown =>
    error instanceof SourceError ? new SourceError(error.message.replaceAll(path, name), { cause: error }) : error;
  try {
    await writeFile(path, bytes);
    const source = await openVideoFile(path, limits, backend);
    return {
      ...source,
      name,
      async *read(indices) {
        try {
          yield* source.read(indices);
        } catch (error) {
          throw renamed(error);
        }
      },
      close: () => source.close().finally(remove),
    };
  } catch (error) {
    await remove();
    throw renamed(error);
  }
}

/** One character a byte. */
function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('latin1');
}

function isPicture(start: string): boolean {
  return /^(GIF8|\x89PNG|\xff\xd8\xff|RIFF.{4}WEBP|II\*\0|MM\0\*|.{4}ftyp(avif|avis|heic|mif1))/s.test(start);
}
