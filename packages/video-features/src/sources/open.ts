import { open, stat } from 'node:fs/promises';
import { SourceError } from '../errors.js';
import { openPicture } from './animation.js';
import { openFolder, openZip } from './pictures.js';
import { SOURCE_LIMITS, type FrameSource, type SourceLimits } from './source.js';
import { openVideoFile, type VideoBackend } from './video-file.js';

export interface OpenOptions {
  readonly limits?: SourceLimits;
  /** What decodes video files; by default whichever is installed. */
  readonly backend?: VideoBackend;
}

/**
 * Opens a folder of pictures, a zip of pictures, an animated GIF or WebP, a still picture, or a video file. The content
 * decides, not the name.
 *
 * @throws SourceError when the path does not exist or the content is broken
 */
export async function openFrameSource(path: string, options: OpenOptions = {}): Promise<FrameSource> {
  const limits = options.limits ?? SOURCE_LIMITS;
  const status = await stat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT' && error.code !== 'ENOTDIR') throw error;
    throw new SourceError(`${path}: expected a video or a folder of pictures, found none. Check the path.`);
  });
  if (status.isDirectory()) return openFolder(path, limits);
  if (!status.isFile()) throw new SourceError(`${path}: expected a file or folder, got a device. Check the path.`);
  const start = await firstBytes(path);
  if (start.length === 0) throw new SourceError(`${path}: expected a video, got an empty file. Replace the file.`);
  if (start.startsWith('PK')) return openZip(path, limits);
  if (isPicture(start)) return openPicture(path, limits);
  return openVideoFile(path, limits, options.backend);
}

/** The first bytes, one character each. */
async function firstBytes(path: string): Promise<string> {
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(16), 0, 16, 0);
    return buffer.toString('latin1', 0, bytesRead);
  } finally {
    await file.close();
  }
}

function isPicture(start: string): boolean {
  return /^(GIF8|\x89PNG|\xff\xd8\xff|RIFF.{4}WEBP|II\*\0|MM\0\*|.{4}ftyp(avif|avis|heic|mif1))/s.test(start);
}
