import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { open, rename, stat, type FileHandle } from 'node:fs/promises';
import { fileError, readRange } from '@wbdc/io';
import { TransientError } from './error.js';
import type { RemoteFile } from './repository.js';
import { discard, networkError, request, withRetries, type HubClient } from './request.js';

/** Called with the bytes of a file that are there, of how many. */
export type OnBytes = (bytes: number, total: number) => void;

const PIECE = 4 * 2 ** 20;

/**
 * Fetches a file into `target`. What has come stays in `target.incomplete`, also after a failure, and is continued with
 * a range request. The file gets its name only after its hash was checked. Two processes may fetch the same file: they
 * write the same bytes to the same places.
 */
export async function transfer(client: HubClient, file: RemoteFile, target: string, onBytes: OnBytes): Promise<void> {
  const incomplete = `${target}.incomplete`;
  const handle = await open(incomplete, constants.O_RDWR | constants.O_CREAT).catch((cause) =>
    Promise.reject(fileError('write', incomplete, cause)),
  );
  try {
    await withRetries(client, async () => {
      await receive(client, file, handle, incomplete, onBytes);
      await verify(file, handle, incomplete);
    });
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(incomplete, target).catch(async (cause) => {
    const isThere = await stat(target).catch(() => undefined); // another process was faster
    if (!isThere) throw fileError('write', target, cause);
  });
}

/** Receives what is missing. */
async function receive(
  client: HubClient,
  file: RemoteFile,
  handle: FileHandle,
  path: string,
  onBytes: OnBytes,
): Promise<void> {
  let have = (await handle.stat()).size;
  if (have > file.size) await handle.truncate((have = 0));
  onBytes(have, file.size);
  if (have === file.size) return;
  const watch = idleWatch(client.idleTimeout);
  try {
    const headers = have > 0 ? { range: `bytes=${have}-` } : {};
    const response = await request(client, file.url, { headers, accept: [416], watch: watch.signal });
    const start = await startOf(response, have, file, handle);
    await receiveBody(client, file, response, { handle, path, start, have, onBytes, touch: watch.touch });
  } finally {
    watch.stop();
  }
}

/** The byte an answer starts with: a server without ranges sends all of the file again. */
async function startOf(response: Response, have: number, file: RemoteFile, handle: FileHandle): Promise<number> {
  if (response.status === 200) return 0;
  const range = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(response.headers.get('content-range') ?? '');
  if (response.status === 206 && range && Number(range[1]) === have && ['*', String(file.size)].includes(range[2]))
    return have;
  await discard(response);
  await handle.truncate(0);
  throw new TransientError(
    'unexpected',
    `${file.url}: expected bytes from ${have}, got ${response.status} ${range?.[0] ?? ''}`,
  );
}

interface Writing {
  readonly handle: FileHandle;
  readonly path: string;
  /** Where the body starts in the file. */
  readonly start: number;
  /** Bytes that were there before. */
  readonly have: number;
  readonly onBytes: OnBytes;
  readonly touch: () => void;
}

async function receiveBody(client: HubClient, file: RemoteFile, response: Response, writing: Writing): Promise<void> {
  const { handle, path, have, onBytes, touch } = writing;
  const reader = response.body?.getReader();
  let position = writing.start;
  while (reader) {
    const { done, value } = await reader
      .read()
      .catch((cause: unknown) => Promise.reject(networkError(client, file.url, cause, position > have)));
    touch();
    if (done) break;
    if (position + value.length > file.size) {
      await reader.cancel().catch(() => undefined);
      await handle.truncate(0);
      throw new TransientError('damaged', `${file.url}: expected ${file.size} bytes, got more`);
    }
    await writeAt(handle, value, position).catch((cause) => Promise.reject(fileError('write', path, cause)));
    position += value.length;
    onBytes(position, file.size);
  }
  if (position === file.size) return;
  const cut = `${file.url}: expected ${file.size} bytes, got ${position}: the connection was cut`;
  throw new TransientError('unreachable', cut, { progress: position > have });
}

async function writeAt(handle: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < bytes.length;) {
    done += (await handle.write(bytes, done, bytes.length - done, position + done)).bytesWritten;
  }
}

async function verify({ url, size, hash }: RemoteFile, handle: FileHandle, path: string): Promise<void> {
  const isGit = hash.length === 40;
  const hasher = createHash(isGit ? 'sha1' : 'sha256');
  if (isGit) hasher.update(`blob ${size}\0`);
  for (let at = 0; at < size; at += PIECE) hasher.update(await readRange(handle, at, Math.min(PIECE, size - at), path));
  const got = hasher.digest('hex');
  if (got === hash) return;
  await handle.truncate(0);
  throw new TransientError('damaged', `${url}: expected the ${isGit ? 'git SHA-1' : 'SHA-256'} ${hash}, got ${got}`);
}

/** A signal that fires when nothing has touched it for so many ms. */
function idleWatch(timeout: number): { signal: AbortSignal; touch: () => void; stop: () => void } {
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(new DOMException('idle', 'TimeoutError')), timeout);
  return { signal: controller.signal, touch: () => void timer.refresh(), stop: () => clearTimeout(timer) };
}
