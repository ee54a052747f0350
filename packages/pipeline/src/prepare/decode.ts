import { forEachConcurrently, wbdcLayout } from '@wbdc/data';
import { SourceError, type FoundVideo } from '@wbdc/video-features';
import { videoMark } from '../data/video-mark.js';
import { storeFrames, type StoredFrames, type StoredFrameSettings } from './frames.js';
import { Journal, type Entry } from './journal.js';
import { findFrames, journalPath, STAGED } from './staging.js';

export interface DecodeOptions {
  readonly root: string;
  readonly settings: StoredFrameSettings;
  readonly onProgress: (done: number) => void;
  /** Of a video that cannot be read. */
  readonly onBad: (source: FoundVideo, message: string) => void;
  readonly signal?: AbortSignal | undefined;
}

export interface DecodedAll {
  readonly decoded: ReadonlyMap<string, StoredFrames>;
  /** Videos that an earlier run had decoded. */
  readonly reused: number;
}

/** Decodes all videos that an earlier run has not, or that have changed since. */
export async function decodeAll(sources: ReadonlyMap<string, FoundVideo>, options: DecodeOptions): Promise<DecodedAll> {
  const journal = await Journal.open(journalPath(options.root));
  const decoded = new Map<string, StoredFrames>();
  let [done, reused] = [0, 0];
  const work = async ([id, source]: readonly [string, FoundVideo]): Promise<void> => {
    const mark = await videoMark(source.path).catch(() => undefined); // decoding says why
    const known = await usable(journal, id, source, mark, options.root);
    const entry = known ?? { ...(await decodeOne(id, source, options)), ...(mark !== undefined && { mark }) };
    if (known) reused++;
    else await journal.add(entry);
    if (entry.decoded) decoded.set(id, entry.decoded);
    else options.onBad(source, entry.error!);
    options.onProgress(++done);
  };
  try {
    await forEachConcurrently(sources, work, options.signal);
  } finally {
    await journal.close();
  }
  return { decoded, reused };
}

/**
 * What is known of a video whose frames are still there. Others are tried again: a decoder may have been installed, and
 * an earlier version took the pictures of a folder or zip in another order.
 */
async function usable(
  journal: Journal,
  id: string,
  source: FoundVideo,
  mark: string | undefined,
  root: string,
): Promise<Entry | undefined> {
  const entry = journal.get(id, source, mark);
  if (hasPictures(source) && entry?.frameOrder !== 'natural') return undefined;
  return entry?.decoded !== undefined && (await findFrames(root, id)) !== undefined ? entry : undefined;
}

function hasPictures({ kind }: FoundVideo): boolean {
  return kind === 'folder' || kind === 'zip';
}

async function decodeOne(id: string, source: FoundVideo, { root, settings }: DecodeOptions): Promise<Entry> {
  const { name, bytes, modified } = source;
  try {
    const decoded = await storeFrames(source, id, wbdcLayout(root).frameZip(STAGED, id), settings);
    return { id, name, bytes, modified, decoded, ...(hasPictures(source) && { frameOrder: 'natural' }) };
  } catch (error) {
    if (!(error instanceof SourceError)) throw error;
    return { id, name, bytes, modified, error: error.message };
  }
}
