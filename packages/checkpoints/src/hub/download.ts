import { stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { WbdcError } from '@wbdc/io/errors';
import { ModelCache } from './cache.js';
import { chooseFiles } from './choose.js';
import { HubError } from './error.js';
import { isCommit, openRepository, type RemoteFile, type Repository } from './repository.js';
import type { HubClient } from './request.js';
import { transfer } from './transfer.js';

/** Where models come from and go to. */
export interface HubSettings {
  readonly hubUrl: string;
  readonly cacheDir: string;
  readonly token?: string;
  /** Use what is in the cache and never the network. */
  readonly offline: boolean;
}

/**
 * The settings that Hugging Face's own tools read from the environment: HF_ENDPOINT (a mirror), HF_HUB_CACHE or
 * HF_HOME, HF_TOKEN, HF_HUB_OFFLINE. A token saved on the disk by their login is not read.
 */
export function hubSettings(env: Readonly<Record<string, string | undefined>>): HubSettings {
  const home = env.HF_HOME || join(env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'huggingface');
  return {
    hubUrl: env.HF_ENDPOINT || 'https://huggingface.co',
    cacheDir: env.HF_HUB_CACHE || join(home, 'hub'),
    ...(env.HF_TOKEN && { token: env.HF_TOKEN }),
    offline: /^(1|on|yes|true)$/i.test(env.HF_HUB_OFFLINE ?? ''),
  };
}

export interface DownloadProgress {
  readonly file: string;
  /** Bytes of the file that are there, of how many. */
  readonly bytes: number;
  readonly total: number;
}

export interface DownloadOptions extends Partial<HubSettings> {
  /** Branch, tag or commit; `main` by default. */
  readonly revision?: string;
  /** Names of the files; configuration, vocabulary and one format of weights by default. */
  readonly files?: readonly string[];
  readonly onProgress?: (progress: DownloadProgress) => void;
  readonly signal?: AbortSignal;
  readonly fetch?: typeof fetch;
  /** Attempts without progress; 5 by default. */
  readonly attempts?: number;
  /** Pause before the second attempt in ms, doubled each time; 500 by default. */
  readonly delay?: number;
  /** Longest silence of the server in ms; 30,000 by default. */
  readonly idleTimeout?: number;
}

export interface DownloadedModel {
  /** Holds the files under their names: for `loadBert`, `Tokenizer.load` and so on. */
  readonly folder: string;
  readonly commit: string;
  readonly files: readonly string[];
  /**
   * Whether the hub was asked, or the cache alone: because of `offline`, a commit that is complete, or no connection.
   */
  readonly source: 'hub' | 'cache';
}

/**
 * A model of the Hugging Face hub or a mirror, in the standard cache: resumed where it was cut, tried again after
 * failures that may pass, checked against the hub's SHA-256 (large files) or git hash (small ones), from the cache
 * alone when there is no connection.
 *
 * @param repo such as `hfl/chinese-macbert-base`
 * @throws HubError, whose `reason` says what kind of failure it was
 */
export async function downloadModel(repo: string, options: DownloadOptions = {}): Promise<DownloadedModel> {
  const settings = { ...hubSettings(process.env), ...options };
  const { revision = 'main', files } = options;
  assertNames(repo, revision);
  const cache = new ModelCache(settings.cacheDir, repo);
  const cached = await cache.find(revision, files);
  const fromCache = cached && {
    folder: cached.folder,
    commit: cached.commit,
    files: cached.names,
    source: 'cache' as const,
  };
  if (fromCache && (settings.offline || (isCommit(revision) && (files || hasVocabulary(fromCache.files)))))
    return fromCache;
  if (settings.offline) {
    throw new HubError(
      'missing',
      `${repo}@${revision}: not complete in ${settings.cacheDir}, and offline: download it first`,
    );
  }
  const client = newClient(settings, options);
  // With a cached model at hand nobody has to wait for a hub that is not there.
  const asking = fromCache ? { ...client, attempts: 1 } : client;
  const repository = await openRepository(asking, repo, revision).catch((error: unknown) => {
    if (fromCache && error instanceof HubError && error.reason === 'unreachable') return undefined;
    throw error;
  });
  if (!repository) return fromCache!;
  return fetchModel(client, repository, cache, { repo, revision, ...options });
}

/** Python fetches file by file, so a snapshot of its may still lack what belongs to the weights. */
function hasVocabulary(files: readonly string[]): boolean {
  return ['vocab.txt', 'tokenizer.json', 'preprocessor_config.json'].some((name) => files.includes(name));
}

async function fetchModel(
  client: HubClient,
  repository: Repository,
  cache: ModelCache,
  { repo, revision, files, onProgress }: DownloadOptions & { repo: string; revision: string },
): Promise<DownloadedModel> {
  const { commit, names } = repository;
  const wanted = files ?? chooseFiles(names);
  const absent = wanted?.find((name) => !names.includes(name));
  if (!wanted || absent !== undefined) {
    const what = absent ?? 'weights as model.safetensors or pytorch_model.bin';
    throw new HubError(
      'missing',
      `${repo}@${revision}: expected ${what}, got ${names.slice(0, 20).join(', ') || 'no files'}`,
    );
  }
  const blobs: string[] = [];
  for (const name of wanted) {
    const file = await repository.file(name);
    const progress = (bytes: number, total: number): void => onProgress?.({ file: name, bytes, total });
    blobs.push(await ensureBlob(client, cache, file, progress));
  }
  // Names appear when all of their files are there: a folder that looks complete is.
  for (const [i, name] of wanted.entries()) await cache.link(blobs[i], commit, name);
  await cache.writeRef(revision, commit);
  return { folder: cache.snapshot(commit), commit, files: wanted, source: 'hub' };
}

async function ensureBlob(
  client: HubClient,
  cache: ModelCache,
  file: RemoteFile,
  onBytes: (bytes: number, total: number) => void,
): Promise<string> {
  const blob = await cache.blob(file.hash);
  const size = (await stat(blob).catch(() => undefined))?.size;
  if (size === file.size) onBytes(size, size);
  else await transfer(client, file, blob, onBytes);
  return blob;
}

function newClient(settings: HubSettings, options: DownloadOptions): HubClient {
  const hubUrl = settings.hubUrl.replace(/\/+$/, '');
  if (!/^https?:\/\/[^/]/.test(hubUrl) || !URL.canParse(hubUrl)) {
    throw new WbdcError(
      `expected hubUrl (HF_ENDPOINT) to be a web address such as https://huggingface.co, got '${hubUrl}'`,
    );
  }
  return {
    hubUrl,
    ...(settings.token && { token: settings.token }),
    fetch: options.fetch ?? fetch,
    ...(options.signal && { signal: options.signal }),
    attempts: options.attempts ?? 5,
    delay: options.delay ?? 500,
    idleTimeout: options.idleTimeout ?? 30_000,
  };
}

/** Both become parts of paths. */
function assertNames(repo: string, revision: string): void {
  const isSafe = (text: string): boolean => text.split('/').every((part) => /^(?!\.+$)[\w.-]+$/.test(part));
  if (!isSafe(repo) || repo.split('/').length > 2) {
    throw new WbdcError(`expected the name of a model such as hfl/chinese-macbert-base, got '${repo}'`);
  }
  if (!isSafe(revision)) throw new WbdcError(`expected a branch, a tag or a commit as revision, got '${revision}'`);
}
