import sharp, { type Metadata } from 'sharp';
import { SourceError, pictureReasonOf } from '../errors.js';
import type { Image } from '../image-data.js';
import { assertPicture, decodeImage, reading, toRgb } from '../image.js';
import type { FrameSource, SourceLimits } from './source.js';

/** What browsers show a frame for whose delay is 10 ms or less. */
const SHORT_DELAY = 100;

/** A picture file: an animated GIF or WebP has frames with times, a still picture is one frame without. */
export async function openPicture(path: string, bytes: Uint8Array, limits: SourceLimits): Promise<FrameSource> {
  const about = await describePicture(bytes, path, limits);
  const count = about.pages ?? 1;
  const pixels = about.width * (about.pageHeight ?? about.height);
  return {
    name: path,
    count,
    ...(about.delay && count > 1 && { times: startTimes(about.delay) }),
    read: (indices) =>
      // A page is drawn over those before it. All at once each is decoded once; one by one they cost a quadratic time.
      count > 1 && pixels * span(indices) <= limits.image.maxPixels
        ? readRoll(bytes, path, indices, limits)
        : readPages(bytes, path, indices, limits),
    close: () => Promise.resolve(),
  };
}

function span(indices: readonly number[]): number {
  return indices.length === 0 ? 0 : indices[indices.length - 1] - indices[0] + 1;
}

async function describePicture(bytes: Uint8Array, path: string, limits: SourceLimits): Promise<Metadata> {
  assertPicture(bytes, path, limits.image);
  const about = await sharp(bytes, reading(limits.image))
    .metadata()
    .catch((error: unknown) => {
      throw new SourceError(`${path}: expected a picture, got: ${pictureReasonOf(error)}. Replace the file.`, {
        cause: error,
      });
    });
  if ((about.pages ?? 1) > limits.maxFrames) {
    throw new SourceError(`${path}: expected at most ${limits.maxFrames} frames, got ${about.pages}`);
  }
  return about;
}

/** Delays in milliseconds to the seconds at which frames start. */
function startTimes(delays: readonly number[]): number[] {
  let milliseconds = 0;
  return delays.map((delay) => {
    const start = milliseconds / 1000;
    milliseconds += delay <= 10 ? SHORT_DELAY : delay;
    return start;
  });
}

async function* readPages(
  bytes: Uint8Array,
  name: string,
  indices: readonly number[],
  limits: SourceLimits,
): AsyncGenerator<Image> {
  for (const page of indices)
    yield await decodeImage(bytes, { name: `${name}: frame ${page}`, limits: limits.image, page });
}

/** sharp gives a run of pages as one tall picture. */
async function* readRoll(
  bytes: Uint8Array,
  name: string,
  indices: readonly number[],
  limits: SourceLimits,
): AsyncGenerator<Image> {
  if (indices.length === 0) return;
  const pages = span(indices);
  const roll = await toRgb(sharp(bytes, { ...reading(limits.image), page: indices[0], pages }), name);
  const height = roll.height / pages;
  const size = roll.width * height * 3;
  for (const index of indices) {
    const start = (index - indices[0]) * size;
    yield { width: roll.width, height, data: roll.data.subarray(start, start + size) };
  }
}
