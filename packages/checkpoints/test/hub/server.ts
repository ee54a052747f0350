import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { expect } from 'vitest';

export interface ServedFile {
  bytes: Uint8Array;
  /** Kept in LFS, with a SHA-256; a git blob otherwise. */
  large?: boolean;
}

export interface FakeHub {
  url: string;
  /** "METHOD path range" of every request. */
  log: string[];
  /** The authorization headers that came, by path. */
  tokens: Record<string, string | undefined>;
  /** Answers in place of the hub where it returns true. */
  intercept: (request: IncomingMessage, response: ServerResponse) => boolean;
  close(): Promise<void>;
}

export const COMMIT = 'c0ffee'.repeat(6) + 'beef';

/** Weights of some network packets. */
export const large = Uint8Array.from({ length: 300_007 }, (_, i) => (i * 7) ^ (i >> 8));

/** Not toEqual, which takes a second for this. */
export async function expectWhole(folder: string): Promise<void> {
  expect((await readFile(join(folder, 'pytorch_model.bin'))).equals(large)).toBe(true);
}

export const FILES: Record<string, ServedFile> = {
  '.gitattributes': { bytes: Buffer.from('*.bin lfs') },
  'config.json': { bytes: Buffer.from('{"model_type":"bert"}') },
  'vocab.txt': { bytes: Buffer.from('[PAD]\n视\n') },
  'pytorch_model.bin': { bytes: large, large: true },
  'tf_model.h5': { bytes: large.subarray(7), large: true },
};

export const WEIGHTS = `/owner/name/resolve/${COMMIT}/pytorch_model.bin`;

export function hashOf({ bytes, large }: ServedFile): string {
  if (large) return createHash('sha256').update(bytes).digest('hex');
  return createHash('sha1').update(`blob ${bytes.length}\0`).update(bytes).digest('hex');
}

/** The parts of a Hugging Face hub that a download talks to, on the loopback, for the model `owner/name`. */
export async function startHub(files: Record<string, ServedFile>, { blobs = true } = {}): Promise<FakeHub> {
  const hub = { log: [] as string[], tokens: {} as FakeHub['tokens'], intercept: () => false } as unknown as FakeHub;
  const server = createServer((request, response) => {
    const url = new URL(request.url!, 'http://hub');
    hub.log.push(`${request.method} ${url.pathname}${request.headers.range ? ` ${request.headers.range}` : ''}`);
    hub.tokens[url.pathname] = request.headers.authorization;
    if (hub.intercept(request, response)) return;
    if (url.pathname === '/api/models/owner/name/revision/main') return listing(response, files, blobs);
    const name = url.pathname.match(new RegExp(`^/owner/name/resolve/${COMMIT}/(.+)$`))?.[1] ?? '';
    const file = files[decodeURIComponent(name)];
    if (!file) return void response.writeHead(404, { 'x-error-code': 'EntryNotFound' }).end();
    sendFile(request, response, file);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  hub.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  hub.close = () => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(() => resolve()));
  };
  return hub;
}

function listing(response: ServerResponse, files: Record<string, ServedFile>, blobs: boolean): void {
  const siblings = Object.entries(files).map(([rfilename, file]) => ({
    rfilename,
    ...(blobs && {
      size: file.bytes.length,
      blobId: file.large ? '0'.repeat(40) : hashOf(file),
      ...(file.large && { lfs: { sha256: hashOf(file), size: file.bytes.length } }),
    }),
  }));
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ sha: COMMIT, siblings }));
}

export function sendFile(request: IncomingMessage, response: ServerResponse, file: ServedFile): void {
  const { bytes } = file;
  const start = Number(/bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0);
  const headers = { 'x-linked-etag': `"${hashOf(file)}"`, 'x-linked-size': bytes.length, 'x-repo-commit': COMMIT };
  if (start > 0 && start >= bytes.length) return void response.writeHead(416).end();
  const range = start > 0 && { 'content-range': `bytes ${start}-${bytes.length - 1}/${bytes.length}` };
  response.writeHead(start > 0 ? 206 : 200, { ...headers, ...range, 'content-length': bytes.length - start });
  response.end(request.method === 'HEAD' ? undefined : bytes.subarray(start));
}

/** Does something else for the first requests of the weights, as many as there are actions. */
export function disturb(hub: FakeHub, ...actions: ((...args: Parameters<FakeHub['intercept']>) => void)[]): void {
  hub.intercept = (request, response) => {
    const action = request.url === WEIGHTS ? actions.shift() : undefined;
    action?.(request, response);
    return action !== undefined;
  };
}
