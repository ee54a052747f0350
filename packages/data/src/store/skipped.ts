import { rm } from 'node:fs/promises';
import { readIfThere, writeFileAtomic } from '@wbdc/io';
import { WbdcError } from '@wbdc/io/errors';
import { isRemote, openRemote, type RemoteOptions } from '@wbdc/io/remote';

/** Videos without features by id, with the reason. */
export type Skipped = ReadonlyMap<string, string>;

/** Keeps which videos have no features and why, a line `id<TAB>reason` each; no file where all have. */
export async function writeSkipped(path: string, skipped: Skipped): Promise<void> {
  if (skipped.size === 0) return rm(path, { force: true });
  const lines = Array.from(skipped, ([id, reason]) => `${id}\t${reason.replaceAll(/\s+/g, ' ')}\n`);
  await writeFileAtomic(path, lines.join(''));
}

/** What {@link writeSkipped} kept; none where there is no file. @param path also an address, read as `remote` says */
export async function readSkipped(path: string, remote?: RemoteOptions): Promise<Skipped> {
  const text = (await (isRemote(path) ? fetchIfThere(path, remote) : readIfThere(path))) ?? '';
  const lines = text.split('\n').filter(Boolean);
  return new Map(lines.map((line) => line.split('\t') as [id: string, reason: string]));
}

async function fetchIfThere(url: string, remote?: RemoteOptions): Promise<string | undefined> {
  const file = await openRemote(url, remote).catch((error: unknown) => {
    if (error instanceof WbdcError && error.code === 'remote-missing') return undefined;
    throw error;
  });
  try {
    return file && new TextDecoder().decode(await file.read(0, file.size));
  } finally {
    await file?.close();
  }
}
