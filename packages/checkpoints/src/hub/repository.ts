import { HubError } from './error.js';
import { discard, request, requestJson, withRetries, type HubClient } from './request.js';

/** A file of a model at a commit, with what its bytes are checked against. */
export interface RemoteFile {
  readonly name: string;
  readonly url: string;
  readonly size: number;
  /** 64 hexadecimal digits: the SHA-256 of a large file; 40: the SHA-1 git gives a small one. */
  readonly hash: string;
}

/** A file of the listing; some mirrors leave size and hash out. */
interface Listed {
  readonly name: string;
  readonly size: number | undefined;
  readonly hash: string | undefined;
}

/** A model at one commit. */
export interface Repository {
  readonly commit: string;
  readonly names: readonly string[];
  file(name: string): Promise<RemoteFile>;
}

const COMMIT = /^[0-9a-f]{40}$/;
const HASH = /^([0-9a-f]{40}|[0-9a-f]{64})$/;

export function isCommit(revision: string): boolean {
  return COMMIT.test(revision);
}

/** Asks the hub for the files of a model and the commit its revision stands for. */
export async function openRepository(client: HubClient, repo: string, revision: string): Promise<Repository> {
  const url = `${client.hubUrl}/api/models/${repo}/revision/${encodeURIComponent(revision)}?blobs=true`;
  const answer = await withRetries(client, () => requestJson(client, url));
  const { sha, siblings } = (answer ?? {}) as { sha?: unknown; siblings?: unknown };
  if (typeof sha !== 'string' || !isCommit(sha) || !Array.isArray(siblings)) {
    throw new HubError(
      'unexpected',
      `${url}: expected a model's commit (sha) and files (siblings), got something else`,
    );
  }
  const files = new Map(siblings.map((entry) => listedFile(entry, url)).map((file) => [file.name, file]));
  return {
    commit: sha,
    names: [...files.keys()],
    file: async (name) => {
      const path = name.split('/').map(encodeURIComponent).join('/');
      return remoteFile(client, files.get(name)!, `${client.hubUrl}/${repo}/resolve/${sha}/${path}`);
    },
  };
}

function listedFile(entry: unknown, url: string): Listed {
  const { rfilename: name, size, blobId, lfs } = (entry ?? {}) as Readonly<Record<string, unknown>>;
  // The name becomes a path in the cache: it must stay inside.
  if (typeof name !== 'string' || !/^[^\\\0]+$/.test(name) || name.split('/').some((part) => /^\.{0,2}$/.test(part))) {
    throw new HubError('unexpected', `${url}: expected the name of a file, got ${JSON.stringify(name)?.slice(0, 200)}`);
  }
  const large = (lfs ?? {}) as { sha256?: unknown; oid?: unknown };
  const hash = lfs ? (large.sha256 ?? large.oid) : blobId;
  return {
    name,
    size: Number.isSafeInteger(size) && Number(size) >= 0 ? Number(size) : undefined,
    hash: typeof hash === 'string' && HASH.test(hash) ? hash : undefined,
  };
}

async function remoteFile(client: HubClient, { name, size, hash }: Listed, url: string): Promise<RemoteFile> {
  if (size !== undefined && hash !== undefined) return { name, url, size, hash };
  const { headers } = await withRetries(client, async () => {
    const isAnswer = (response: Response): boolean => response.headers.has('x-linked-etag');
    const response = await request(client, url, { method: 'HEAD', isAnswer });
    await discard(response);
    return response;
  });
  const etag = (headers.get('x-linked-etag') ?? headers.get('etag') ?? '').replace(/^W\/|"/g, '');
  const length = headers.get('x-linked-size') ?? headers.get('content-length') ?? '';
  if (HASH.test(etag) && /^\d+$/.test(length)) return { name, url, size: Number(length), hash: etag };
  throw new HubError(
    'unexpected',
    `${url}: expected size and hash of the file (X-Linked-Size, X-Linked-ETag), got '${length}' and '${etag}': ` +
      'without them nothing can be verified; use another mirror',
  );
}
