/** Pictures and videos as a browser decodes them, for `openTrained` of `@wbdc/pipeline` and for {@link framesOf}. */
import { SourceError } from './errors.js';
import type { Pixels } from './decode-frames.js';
import { evenStride } from '@wbdc/nn/random';

export type { Pixels } from './decode-frames.js';

/** What is used of a `<video>`; an `HTMLVideoElement` is one. */
export interface VideoElement {
  /** In seconds; infinite for a recording whose container does not say. */
  readonly duration: number;
  currentTime: number;
  readonly videoWidth: number;
  readonly videoHeight: number;
  /** 1 and more: duration and size are known. 2 and more: there is a picture. */
  readonly readyState: number;
  readonly error: { readonly message: string } | null;
  /** Asked for the codecs that a message names. */
  canPlayType?(type: string): string;
  addEventListener(type: string, listener: () => void, options: { once: boolean; signal: AbortSignal }): void;
}

export interface VideoFramesOptions {
  /** Frames a second: those shown at 0, 1 / fps, 2 / fps, ... Default 1. */
  readonly fps?: number;
  /** Of more, so many evenly. Default 32. */
  readonly limit?: number;
  /** Larger frames are shrunk by the browser to this shorter side, in pixels. Default 256. */
  readonly side?: number;
  readonly signal?: AbortSignal;
}

/** Frames of a video, with the seconds at which they are shown. */
export interface VideoFrames {
  /** RGBA, as `ImageData` has it. */
  readonly frames: readonly Pixels[];
  readonly times: readonly number[];
}

/**
 * Frames of a `<video>`, or of a file of a form or a drop, by seeking: one after another, as the browser decodes them.
 * What plays is paused by nobody: give it an element of its own.
 * @throws SourceError where the browser cannot decode it, or it has no picture
 */
export async function videoFrames(source: VideoElement | Blob, options: VideoFramesOptions = {}): Promise<VideoFrames> {
  if (!(source instanceof Blob)) return seekFrames(source, options);
  const url = URL.createObjectURL(source);
  const video = page().document.createElement('video');
  try {
    Object.assign(video, { muted: true, preload: 'auto', src: url });
    return await seekFrames(video, options);
  } finally {
    Object.assign(video, { src: '' });
    URL.revokeObjectURL(url);
  }
}

/** @throws SourceError where the browser cannot decode the picture */
export async function picturePixels(file: Blob): Promise<Pixels> {
  const bitmap = await page()
    .createImageBitmap(file)
    .catch((cause: unknown) => {
      throw new SourceError(`${nameOf(file)}: expected a picture that this browser decodes, got another file`, {
        cause,
      });
    });
  try {
    return drawn(bitmap, bitmap.width, bitmap.height);
  } finally {
    bitmap.close();
  }
}

async function seekFrames(
  video: VideoElement,
  { fps = 1, limit = 32, side = 256, signal }: VideoFramesOptions,
): Promise<VideoFrames> {
  if (!(fps > 0 && limit >= 1 && side >= 1)) {
    throw new RangeError(`expected fps, limit and side above 0, got ${fps}, ${limit} and ${side}`);
  }
  if (video.readyState < 2) await event(video, 'loadeddata', signal);
  if (video.videoWidth === 0) throw new SourceError('a video: expected pictures, got sound alone');
  const duration = await durationOf(video, signal);
  const all = Array.from({ length: Math.max(1, Math.ceil(duration * fps - 1e-6)) }, (_, i) => i / fps);
  const times = Array.from(evenStride(all.length, limit), (i) => all[i]);
  const scale = Math.min(1, side / Math.min(video.videoWidth, video.videoHeight));
  const [width, height] = [video.videoWidth, video.videoHeight].map((size) => Math.max(1, Math.round(size * scale)));
  const frames: Pixels[] = [];
  for (const time of times) {
    await seek(video, time, signal);
    frames.push(drawn(video, width, height));
  }
  return { frames, times };
}

/** Of a recording without one: where the browser lands behind its end. */
async function durationOf(video: VideoElement, signal: AbortSignal | undefined): Promise<number> {
  if (Number.isFinite(video.duration)) return video.duration;
  await seek(video, Number.MAX_SAFE_INTEGER, signal);
  return Number.isFinite(video.duration) ? video.duration : video.currentTime;
}

async function seek(video: VideoElement, time: number, signal: AbortSignal | undefined): Promise<void> {
  const there = event(video, 'seeked', signal);
  video.currentTime = time;
  await there;
}

function event(video: VideoElement, name: string, outer: AbortSignal | undefined): Promise<void> {
  outer?.throwIfAborted();
  return new Promise((resolve, reject) => {
    const listening = new AbortController();
    const options = { once: true, signal: listening.signal };
    const settle = (act: () => void): (() => void) => {
      return () => {
        listening.abort();
        act();
      };
    };
    const refuse = (): void => {
      const got = video.error?.message || 'another file';
      reject(new SourceError(`a video: expected one that this browser decodes${codecsOf(video)}, got ${got}`));
    };
    video.addEventListener(name, settle(resolve), options);
    video.addEventListener('error', settle(refuse), options);
    outer?.addEventListener(
      'abort',
      settle(() => reject(outer.reason as Error)),
      options,
    );
  });
}

/** Of videos as people have them, by the types that browsers are asked about. */
const CODECS: Readonly<Record<string, string>> = {
  VP8: 'video/webm; codecs="vp8"',
  VP9: 'video/webm; codecs="vp9"',
  AV1: 'video/mp4; codecs="av01.0.04M.08"',
  'H.264': 'video/mp4; codecs="avc1.42E01E"',
  HEVC: 'video/mp4; codecs="hvc1.1.6.L93.B0"',
};

/** The codecs that a browser plays, for a message; nothing where it does not say. */
function codecsOf(video: VideoElement): string {
  const played = Object.keys(CODECS).filter((name) => video.canPlayType?.(CODECS[name]) === 'probably');
  return played.length === 0 ? '' : ` (${played.join(', ')})`;
}

/** A picture of a size, as the browser draws it. */
function drawn(picture: object, width: number, height: number): Pixels {
  const context = new (page().OffscreenCanvas)(width, height).getContext('2d', { willReadFrequently: true });
  if (context === null) throw new SourceError(`expected a canvas of ${width} x ${height}, got none: fewer pixels`);
  context.drawImage(picture, 0, 0, width, height);
  return context.getImageData(0, 0, width, height);
}

function nameOf(file: Blob): string {
  return 'name' in file ? String(file.name) : 'a picture';
}

/** What a page has and Node has not. */
interface Page {
  readonly document: { createElement(name: 'video'): VideoElement };
  createImageBitmap(file: Blob): Promise<{ readonly width: number; readonly height: number; close(): void }>;
  readonly OffscreenCanvas: new (
    width: number,
    height: number,
  ) => { getContext(kind: '2d', options: { willReadFrequently: boolean }): Context | null };
}

interface Context {
  drawImage(picture: object, x: number, y: number, width: number, height: number): void;
  getImageData(x: number, y: number, width: number, height: number): Pixels;
}

function page(): Page {
  return globalThis as object as Page;
}
