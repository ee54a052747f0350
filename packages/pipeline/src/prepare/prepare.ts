import { basename, resolve } from 'node:path';
import { NO_TEXT, stableId, type TextRecord, type VideoText } from '@wbdc/data';
import { WbdcError } from '@wbdc/io/errors';
import { findVideos, type FoundVideo } from '@wbdc/video-features';
import type { Observer } from '../observer.js';
import { recognizeChosen, type RecognizerChoice } from '../recognize/open-recognizers.js';
import { recognitionCache, type RecognizeOptions } from '../recognize/recognize-video.js';
import { decodeAll } from './decode.js';
import { finish, type PreparedVideos } from './finish.js';
import type { StoredFrameSettings } from './frames.js';
import type { Item } from './item.js';
import { assertOutside, checkOutFolder, openOutFolder, type PrepareSettings } from './out-folder.js';
import type { PairTable } from './pairs.js';
import { readTexts, type TextSources } from './read-texts.js';
import { Warnings } from './warnings.js';

export interface PrepareVideosOptions extends TextSources {
  /** The videos: video files, animations, zips and folders of pictures, in this folder and all its subfolders. */
  readonly folder: string;
  /** Where the data set is written; an earlier one of the same settings is brought up to date. */
  readonly out: string;
  /** Default: a frame a second, at most 32, shorter side at most 256 pixels. */
  readonly frames?: Partial<StoredFrameSettings>;
  /** Pairs of videos that belong together: a table of labels or clicks. */
  readonly pairs?: PairTable | undefined;
  /** What gives videos texts that the table does not: see `@wbdc/pipeline/recognize`. */
  readonly recognize?: (RecognizerChoice & Pick<RecognizeOptions, 'cache'>) | undefined;
  /** Share of the labelled videos (of all, where none is labelled) that is held out. Default 0.15. */
  readonly heldOut?: number;
  /** Decides the splits. Default 1. */
  readonly seed?: number;
  /** Start again, whatever is there: it is renamed to `<out>.old-<n>`. */
  readonly overwrite?: boolean;
  readonly signal?: AbortSignal | undefined;
  readonly observer?: Observer | undefined;
}

export const DEFAULT_STORED_FRAMES: StoredFrameSettings = { fps: 1, limit: 32, side: 256 };

/**
 * Makes a data set in the layout of WBDC 2022 out of a folder of videos and a table of texts and labels: frames,
 * annotations, ids, numbered categories, tags, splits without leaks, and a page to look at. Another call decodes only
 * what is new or has changed, and goes on after an aborted one; ids, category numbers and what is held out stay.
 *
 * @throws WbdcError when the folder, the table or `out` is not usable; what is wrong with single videos and rows is
 *   left out and listed in `warnings.tsv`. The signal's reason when it is aborted.
 */
export async function prepareVideos(options: PrepareVideosOptions): Promise<PreparedVideos> {
  const { folder, overwrite = false, heldOut = 0.15, seed = 1, signal, observer } = options;
  const frames = { ...DEFAULT_STORED_FRAMES, ...options.frames };
  const root = resolve(options.out);
  const settings: PrepareSettings = { videos: resolve(folder), ...frames, seed, heldOut };
  assertOutside(root, folder);
  if (!overwrite) await checkOutFolder(root, folder, settings);
  const warnings = new Warnings();
  const videos = await findAll(options, warnings);
  const texts = await withRecognized(await readTexts(videos, options, warnings), options, warnings);
  const ids = uniqueIds(videos, texts);
  await openOutFolder(root, settings, overwrite);
  const progress = { noun: 'videos', total: videos.length };
  const { decoded, reused } = await decodeAll(ids, {
    root,
    settings: frames,
    onProgress: (done) => observer?.onProgress?.({ ...progress, done }),
    onBad: ({ name, path }, message) =>
      warnings.add('unreadable video', `${name}: ${message.replace(path, '').replace(/^[:/\\ ]+/, '')}`),
    signal,
  });
  observer?.onProgress?.({ ...progress, done: videos.length, ended: true });
  const items = [...ids].flatMap(([id, source]): Item[] => {
    const entry = decoded.get(id);
    return entry ? [{ id, source, decoded: entry, text: texts.get(source) ?? NO_TEXT }] : [];
  });
  if (items.length === 0) {
    const [first] = warnings.summaries();
    throw new WbdcError({ where: folder, expected: 'a video that can be read', got: `none: ${first}` });
  }
  return finish(items, { root, frames, heldOut, seed, reused, warnings, pairs: options.pairs });
}

/** The texts of the table, and of pictures and sound where it has none. */
async function withRecognized(
  texts: ReadonlyMap<FoundVideo, VideoText>,
  { recognize, observer, signal }: PrepareVideosOptions,
  warnings: Warnings,
): Promise<ReadonlyMap<FoundVideo, VideoText>> {
  if (recognize === undefined) return texts;
  const progress = { noun: 'videos', total: texts.size, about: 'recognising texts' };
  const { cache = recognitionCache() } = recognize;
  const found = await recognizeChosen([...texts.keys()], (video) => texts.get(video)!, recognize, {
    cache,
    ...(signal && { signal }),
    onWarning: (line) => warnings.add('unrecognised text', line),
    onProgress: (done) => observer?.onProgress?.({ ...progress, done }),
  });
  if (found.size > 0) observer?.onProgress?.({ ...progress, done: texts.size, ended: true });
  return new Map(
    [...texts].map(([video, text]) => {
      const { ocr = text.ocr, asr = text.asr } = found.get(video) ?? {};
      return [video, { ...text, ocr, asr }];
    }),
  );
}

async function findAll({ folder, table, signal }: PrepareVideosOptions, warnings: Warnings) {
  const { videos, unknown } = await findVideos(resolve(folder), signal);
  if (videos.length === 0) {
    const expected = 'videos (mp4, webm, mkv, mov...), folders or zips of pictures, GIF or WebP';
    throw new WbdcError({ where: folder, expected, got: 'none' });
  }
  const tablePath = table === undefined ? undefined : resolve(table);
  for (const name of unknown) if (resolve(folder, name) !== tablePath) warnings.add('unknown file', name);
  return videos;
}

function uniqueIds(videos: readonly FoundVideo[], texts: ReadonlyMap<FoundVideo, VideoText>): Map<string, FoundVideo> {
  const ids = new Map(videos.map((video) => [idOf(video, texts.get(video)), video]));
  if (ids.size === videos.length) return ids;
  const advice = 'give every video its own id';
  throw new WbdcError({ expected: 'ids of 19 or 20 digits once each', got: 'one twice', advice });
}

/** Ids that are official already stay; others come from the name of the video. */
function idOf({ name }: FoundVideo, text: Pick<TextRecord, 'id'> | undefined): string {
  const official = [text?.id, basename(name).replace(/\.[^.]*$/, '')].find((id) => /^\d{19,20}$/.test(id ?? ''));
  return official ?? stableId(`video/${name}`);
}
