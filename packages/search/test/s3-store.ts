import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** As much of Amazon's S3 as the database asks for, on this machine and in memory. */
export interface S3Store extends AsyncDisposable {
  /** What an index is opened with. */
  readonly storage: Readonly<Record<string, string>>;
  readonly objects: ReadonlyMap<string, Buffer>;
}

/** A store with one bucket. Listings are refused where `listed` is false, as to those who may read alone. */
export async function startS3(bucket: string): Promise<S3Store & { listed: boolean }> {
  const objects = new Map<string, Buffer>();
  const server = createServer((request, response) => {
    void answer(request, response).catch((error: unknown) => response.writeHead(500).end(String(error)));
  });

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url!, 'http://localhost');
    const [name, ...rest] = decodeURIComponent(url.pathname).slice(1).split('/');
    const key = rest.join('/');
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks);
    const { searchParams: query } = url;
    const fail = (status: number, code: string) =>
      void response.writeHead(status).end(`<Error><Code>${code}</Code></Error>`);
    if (name !== bucket) return fail(404, 'NoSuchBucket');
    if (key === '' && request.method === 'GET') {
      if (!store.listed && query.has('delimiter')) return fail(403, 'AccessDenied');
      return void response.end(listing(query.get('prefix') ?? '', query.get('delimiter') ?? ''));
    }
    if (request.method === 'POST' && query.has('delete')) {
      const gone = [...body.toString().matchAll(/<Key>(.*?)<\/Key>/g)].map(([, deleted]) => deleted);
      for (const deleted of gone) objects.delete(deleted);
      const told = gone.map((deleted) => `<Deleted><Key>${deleted}</Key></Deleted>`);
      return void response.end(`<DeleteResult>${told.join('')}</DeleteResult>`);
    }
    const object = objects.get(key);
    if (request.method === 'PUT') {
      if (object !== undefined && request.headers['if-none-match'] === '*') return fail(412, 'PreconditionFailed');
      const { 'x-amz-copy-source': source } = request.headers;
      const copied = typeof source === 'string' ? objects.get(decodeURIComponent(source).split(`${bucket}/`)[1]) : body;
      objects.set(key, copied ?? Buffer.alloc(0));
      return void response.writeHead(200, { etag: etagOf(body) }).end(source ? '<CopyObjectResult/>' : '');
    }
    if (request.method === 'DELETE') return void (objects.delete(key), response.writeHead(204).end());
    if (object === undefined) return fail(404, 'NoSuchKey');
    const headers = { etag: etagOf(object), 'last-modified': new Date(0).toUTCString() };
    const [, first, last] = /^bytes=(\d*)-(\d*)$/.exec(request.headers.range ?? '') ?? [];
    const start = first === '' ? object.length - Number(last) : Number(first ?? 0);
    const part = object.subarray(start, first === '' || !last ? undefined : Number(last) + 1);
    const range = `bytes ${start}-${start + part.length - 1}/${object.length}`;
    const partial = request.headers.range === undefined ? {} : { 'content-range': range };
    response.writeHead(partial['content-range'] ? 206 : 200, {
      ...{ ...headers, ...partial, 'content-length': part.length },
    });
    response.end(request.method === 'HEAD' ? undefined : part);
  }

  function listing(prefix: string, delimiter: string): string {
    const below = [...objects].filter(([key]) => key.startsWith(prefix)).sort(([a], [b]) => (a < b ? -1 : 1));
    const folders = new Set<string>();
    const contents = below.flatMap(([key, { length }]) => {
      const end = delimiter === '' ? -1 : key.indexOf(delimiter, prefix.length);
      if (end >= 0) return (folders.add(key.slice(0, end + 1)), []);
      const time = '<LastModified>2024-01-01T00:00:00.000Z</LastModified>';
      return [`<Contents><Key>${key}</Key>${time}<ETag>"e"</ETag><Size>${length}</Size></Contents>`];
    });
    const common = [...folders].map((folder) => `<CommonPrefixes><Prefix>${folder}</Prefix></CommonPrefixes>`);
    const about = `<Name>${bucket}</Name><KeyCount>${contents.length}</KeyCount><IsTruncated>false</IsTruncated>`;
    return `<ListBucketResult>${about}${contents.join('')}${common.join('')}</ListBucketResult>`;
  }

  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address() as AddressInfo;
  const store = {
    ...{ objects, listed: true },
    storage: {
      ...{ awsAccessKeyId: 'key', awsSecretAccessKey: 'secret', region: 'us-east-1', allowHttp: 'true' },
      endpoint: `http://127.0.0.1:${port}`,
    },
    [Symbol.asyncDispose]: () =>
      new Promise<void>((done) => {
        server.close(() => done());
        server.closeAllConnections();
      }),
  };
  return store;
}

function etagOf(bytes: Buffer): string {
  return `"${createHash('md5').update(bytes).digest('hex')}"`;
}
