import { createHash } from 'node:crypto';
import { compareNatural, isSystemFile, openBytes } from '@wbdc/io';
import { FormatError, WbdcError } from '@wbdc/io/errors';
import { isRemote, type RemoteOptions } from '@wbdc/io/remote';
import { listEntries } from '@wbdc/io/zip';
import { forEachConcurrently } from '../concurrency.js';

/** A video and the zip of its frames. */
export interface FrameZipOf {
  readonly id: string;
  readonly path: string;
}

/**
 * Groups of videos with the same frames, by the checksums and sizes in their zips' directories: nothing is unpacked.
 * Gives every video but the first of its group the first one's id. Zips that are not there or damaged are in no group.
 *
 * @param remote how zips on a server are read, of which the last block is
 */
export async function equalFrames(
  videos: Iterable<FrameZipOf>,
  signal?: AbortSignal,
  remote?: RemoteOptions,
): Promise<Map<string, string>> {
  const digests: { id: string; digest: string | undefined }[] = [];
  await forEachConcurrently(
    videos,
    async ({ id, path }) => {
      const entry = { id, digest: undefined as string | undefined };
      digests.push(entry);
      entry.digest = await framesDigest(path, remote);
    },
    signal,
  );
  return groupByDigest(digests);
}

/** Videos in the order in which they come: the first of equal ones stands for them. */
function groupByDigest(videos: readonly { readonly id: string; readonly digest: string | undefined }[]) {
  const first = new Map<string, string>();
  const groups = new Map<string, string>();
  for (const { id, digest } of videos) {
    if (digest === undefined) continue;
    const known = first.get(digest);
    if (known === undefined) first.set(digest, id);
    else groups.set(id, known);
  }
  return groups;
}

/** Equal for the same pictures in the same order, whatever their names are and however they are packed. */
async function framesDigest(path: string, remote?: RemoteOptions): Promise<string | undefined> {
  const source = await openBytes(path, remote).catch((error: unknown) => {
    // A server that refuses or is gone says nothing of the video.
    if (isRemote(path) && !(error instanceof WbdcError && error.code === 'remote-missing')) throw error;
    return undefined;
  });
  if (source === undefined) return undefined;
  try {
    const entries = await listEntries(source);
    const frames = entries.filter(({ name }) => !name.endsWith('/') && !isSystemFile(name));
    if (frames.length === 0) return undefined;
    frames.sort((a, b) => compareNatural(a.name, b.name));
    const hash = createHash('sha1');
    for (const { crc, size } of frames) hash.update(`${crc} ${size}\n`);
    return hash.digest('base64');
  } catch (error) {
    if (error instanceof FormatError) return undefined;
    throw error;
  } finally {
    await source.close();
  }
}
