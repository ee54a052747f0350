import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import type { OcrLine } from '@wbdc/data/web';
import { isMissing, makeFolder, readIfThere, writeFileAtomic } from '@wbdc/io';
import { isRemote, shownLocation } from '@wbdc/io/remote';
import { openFoundVideo, sampleFrames, SourceError, type FoundVideo, type OpenOptions } from '@wbdc/video-features';
import { z } from 'zod';
import { videoMark } from '../data/video-mark.js';
import type { VideoTexts } from '../trained/inputs.js';
import type { RecognizedFrame, Recognizers } from './recognizer.js';
import { readSound } from './sound.js';

/** How videos are recognised. */
export interface RecognizeOptions extends OpenOptions {
  readonly recognizers: Recognizers;
  /** A folder that keeps what was recognised: a video that has not changed is not read again. None keeps nothing. */
  readonly cache?: string | undefined;
  /** Frames that text is looked for in, evenly over the video; 8. */
  readonly frames?: number;
  /** Told of a recogniser that fails: the text stays empty. Also of a video that cannot be read. */
  readonly onWarning?: (message: string) => void;
  readonly signal?: AbortSignal | undefined;
}

/** Where a video is; of a folder, which pictures are its frames. */
export type RecognizedVideo = Pick<FoundVideo, 'path' | 'pictures'>;

/** What was recognised; a field that nothing looked for, or where it failed, is not there. */
export interface RecognizedTexts {
  readonly ocr?: readonly OcrLine[];
  readonly asr?: string;
}

const FRAMES = 8;

/**
 * The texts that recognisers find in a video: in its pictures, and in its sound. One that fails is told, and leaves its
 * text out; nothing but the signal ends the call.
 */
export async function recognizeVideo(video: RecognizedVideo, options: RecognizeOptions): Promise<RecognizedTexts> {
  const { ocr, asr } = options.recognizers;
  const { path } = video;
  const [lines, speech] = [
    ocr &&
      (await cached(path, `ocr ${ocr.name}, ${options.frames ?? FRAMES}`, linesSchema, options, () =>
        readText(video, options),
      )),
    asr && (await cached(path, `asr ${asr.name}`, z.string(), options, () => readSpeech(path, options))),
  ];
  return { ...(lines && { ocr: lines }), ...(speech !== undefined && { asr: speech }) };
}

const linesSchema: z.ZodType<readonly OcrLine[]> = z.array(z.object({ time: z.number(), text: z.string() })).readonly();

async function readText(video: RecognizedVideo, options: RecognizeOptions): Promise<readonly OcrLine[]> {
  const { recognizers, frames: limit = FRAMES, signal } = options;
  const source = await openFoundVideo(video, options);
  const { path } = video;
  try {
    const indices = sampleFrames({ kind: 'even', limit }, source, path);
    const frames: RecognizedFrame[] = [];
    for await (const image of source.read(indices)) {
      const index = indices[frames.length];
      frames.push({ image, time: source.times?.[index] ?? index });
    }
    return await recognizers.ocr!.read(frames, { id: path, signal });
  } finally {
    await source.close();
  }
}

async function readSpeech(path: string, { recognizers, signal }: RecognizeOptions): Promise<string> {
  const status = await stat(path).catch((cause: unknown) => {
    throw isMissing(cause) ? new SourceError(`${path}: expected a video, found none. Check the path.`) : cause;
  });
  if (!status.isFile() || SILENT.test(path)) return ''; // folders and files of pictures
  const sound = await readSound(path, signal);
  return sound === undefined ? '' : recognizers.asr!.listen(sound, { id: path, signal });
}

const SILENT = /\.(zip|gif|webp|avif|png|jpe?g|tiff?)$/i;

/** What is kept of a video, or else what it is now; undefined where that fails. */
async function cached<T>(
  path: string,
  about: string,
  schema: z.ZodType<T>,
  { cache, onWarning, signal }: RecognizeOptions,
  recognize: () => Promise<T>,
): Promise<T | undefined> {
  signal?.throwIfAborted();
  try {
    if (isRemote(path)) throw new SourceError('expected a video on this machine, got an address. Give its texts.');
    const file = cache === undefined ? undefined : join(cache, `${await keyOf(path, about)}.json`);
    const kept = file === undefined ? undefined : parsed(schema, await readIfThere(file));
    if (kept !== undefined) return kept;
    const value = await recognize();
    signal?.throwIfAborted();
    if (cache !== undefined) await makeFolder(cache);
    if (file !== undefined) await writeFileAtomic(file, `${JSON.stringify(value)}\n`);
    return value;
  } catch (error) {
    signal?.throwIfAborted();
    const message = error instanceof Error ? error.message.split('\n')[0] : String(error);
    onWarning?.(
      `${shownLocation(path)}: no text by ${about.slice(0, 3).toUpperCase()}: ${message.replace(`${path}: `, '')}`,
    );
    return undefined;
  }
}

/** A damaged file is as good as none. */
function parsed<T>(schema: z.ZodType<T>, text: string | undefined): T | undefined {
  try {
    return text === undefined ? undefined : schema.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}

/** Of a file or folder by its contents, and of what reads it. */
async function keyOf(path: string, about: string): Promise<string> {
  const video = [resolve(path), (await stat(path)).mtimeMs, await videoMark(path)];
  return createHash('sha256')
    .update([...video, about].join('\n'))
    .digest('hex')
    .slice(0, 32);
}

export interface RecognizeTextsOptions extends RecognizeOptions {
  readonly onProgress?: (done: number) => void;
}

/**
 * {@link recognizeVideo} for those of some videos that have no text of a kind yet: what people wrote counts.
 *
 * @returns what was found, by video
 */
export async function recognizeTexts<V extends RecognizedVideo>(
  videos: readonly V[],
  textOf: (video: V) => VideoTexts,
  { onProgress, ...options }: RecognizeTextsOptions,
): Promise<Map<V, RecognizedTexts>> {
  const { ocr, asr } = options.recognizers;
  const found = new Map<V, RecognizedTexts>();
  for (const [i, video] of videos.entries()) {
    options.signal?.throwIfAborted();
    const texts = textOf(video);
    const wanted = { ocr: isEmpty(texts.ocr) ? ocr : undefined, asr: isEmpty(texts.asr) ? asr : undefined };
    found.set(video, await recognizeVideo(video, { ...options, recognizers: wanted }));
    onProgress?.(i + 1);
  }
  return found;
}

function isEmpty(text: VideoTexts['ocr']): boolean {
  return text === undefined || text.length === 0;
}

/** Where what was recognised is kept by default: below `XDG_CACHE_HOME`, or else `~/.cache`. */
export function recognitionCache(env: Readonly<Record<string, string | undefined>> = process.env): string {
  return join(env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'wbdc', 'recognized');
}
