import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What the next answer is to be; each is taken once. */
export type Fault =
  | { readonly kind: 'drop'; readonly after: number } // the connection breaks after so many bytes
  | { readonly kind: 'status'; readonly status: number }
  | { readonly kind: 'silence' }; // headers, then nothing

export interface RangeServer extends AsyncDisposable {
  /** `http://127.0.0.1:<port>`; objects are below it by their names. */
  readonly url: string;
  /** Ranges asked for, as `<name> <first>-<last>`. */
  readonly asked: string[];
  /** Headers of the last request. */
  headers(): IncomingMessage['headers'];
  put(name: string, bytes: Uint8Array): void;
  remove(name: string): void;
  fail(...faults: readonly Fault[]): void;
}

export interface ServerOptions {
  /** False: answers everything with the whole file, as servers do that know no ranges. */
  readonly ranges?: boolean;
  readonly etag?: boolean;
}

/** A server of files in memory on loopback that answers range requests, and breaks off where a test says so. */
export async function rangeServer({ ranges = true, etag = true }: ServerOptions = {}): Promise<RangeServer> {
  const files = new Map<string, Uint8Array>();
  const faults: Fault[] = [];
  const asked: string[] = [];
  let headers: IncomingMessage['headers'] = {};
  const answer = (request: IncomingMessage, response: ServerResponse): void => {
    headers = request.headers;
    const name = decodeURIComponent(new URL(request.url!, 'http://localhost').pathname.slice(1));
    const file = files.get(name);
    const fault = faults.shift();
    if (fault?.kind === 'status') return void response.writeHead(fault.status).end();
    if (file === undefined) return void response.writeHead(404).end();
    const tag = `"${createHash('md5').update(file).digest('hex')}"`;
    const expected = request.headers['if-match'];
    if (expected !== undefined && expected !== tag) return void response.writeHead(412).end();
    if (etag) response.setHeader('etag', tag);
    if (!ranges) return void response.writeHead(200).end(file);
    const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '')!.map(Number);
    asked.push(`${name} ${first}-${last}`);
    if (first >= file.length) {
      return void response.writeHead(416, { 'content-range': `bytes */${file.length}` }).end();
    }
    const body = file.subarray(first, last + 1);
    const range = `bytes ${first}-${first + body.length - 1}/${file.length}`;
    response.writeHead(206, { 'content-range': range, 'content-length': body.length });
    if (fault?.kind === 'silence') return void response.write('');
    if (fault === undefined) return void response.end(body);
    response.write(body.subarray(0, fault.after), () => setTimeout(() => response.destroy(), 20));
  };
  const server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    headers: () => headers,
    put: (name, bytes) => void files.set(name, bytes),
    remove: (name) => void files.delete(name),
    fail: (...more) => void faults.push(...more),
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
