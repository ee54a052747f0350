import { createReadStream } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join, relative, sep } from 'node:path';
import { WbdcError } from '@wbdc/io/errors';
import { SITE_FILE } from './site.js';

export interface ServeOptions {
  /** Default 127.0.0.1: this machine alone. */
  readonly host?: string;
  /** 0: a free one, the default. */
  readonly port?: number;
}

export interface RunningSite {
  readonly url: string;
  close(): Promise<void>;
}

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.json': 'application/json',
  '.txt': 'text/plain; charset=utf-8',
  '.md': 'text/plain; charset=utf-8',
  '.wasm': 'application/wasm',
  '.jpg': 'image/jpeg',
  '.jpeg': 'image/jpeg',
  '.png': 'image/png',
  '.webp': 'image/webp',
};

const HEADERS = {
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
  'content-security-policy': "frame-ancestors 'none'",
  'cache-control': 'no-cache',
};

/**
 * Gives the files of a published page over HTTP: it computes nothing. Any other web server does as well.
 *
 * @throws WbdcError where the folder holds no page, or the port is taken
 */
export async function serveSite(
  folder: string,
  { host = '127.0.0.1', port = 0 }: ServeOptions = {},
): Promise<RunningSite> {
  const files = await filesIn(folder);
  if (!files.has(`/${SITE_FILE}`)) {
    throw new WbdcError({ where: folder, expected: 'a published page', got: `no ${SITE_FILE}`, code: 'site-folder' });
  }
  const server = createServer((request, response) => void answer(request, response, files));
  await listen(server, host, port);
  const { port: taken } = server.address() as AddressInfo;
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${taken}/`,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Files by the path they are asked for: no request leads anywhere else. */
async function filesIn(folder: string): Promise<ReadonlyMap<string, string>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  const files = new Map<string, string>();
  for (const entry of entries) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    files.set(`/${relative(folder, path).split(sep).join('/')}`, path);
  }
  const index = files.get('/index.html');
  return index === undefined ? files : files.set('/', index);
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  files: ReadonlyMap<string, string>,
): Promise<void> {
  const { method = 'GET', url = '/' } = request;
  if (method !== 'GET' && method !== 'HEAD')
    return void response.writeHead(405, { ...HEADERS, allow: 'GET, HEAD' }).end();
  const path = files.get(decoded(url.split('?')[0]));
  const size = path === undefined ? undefined : (await stat(path).catch(() => undefined))?.size;
  if (path === undefined || size === undefined) return void response.writeHead(404, HEADERS).end();
  const type = TYPES[extname(path)] ?? 'application/octet-stream';
  response.writeHead(200, { ...HEADERS, 'content-type': type, 'content-length': size });
  if (method === 'HEAD') return void response.end();
  createReadStream(path)
    .once('error', () => response.destroy())
    .pipe(response);
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return '';
  }
}

async function listen(server: Server, host: string, port: number): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      const taken = cause.code === 'EADDRINUSE';
      const got = taken ? 'one that another program has' : cause.message;
      const advice = taken ? 'take another port, or 0 for a free one' : 'take another address or port';
      reject(new WbdcError({ where: `${host}:${port}`, expected: 'a port to listen on', got, advice }, { cause }));
    });
    server.listen(port, host, resolve);
  });
}
