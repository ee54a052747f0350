import { copyFile, readFile, readdir, rename, stat, symlink } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { cleanOnce, fileError, makeFolder, readJson, temporaryName, writeFileAtomic } from '@wbdc/io';
import { SUBFOLDER, chooseFiles, shardIndexOf } from './choose.js';
import { isCommit } from './repository.js';

/**
 * The standard cache of Hugging Face, shared with Python: `models--owner--name/` with `blobs/<hash>`, links to them in
 * `snapshots/<commit>/`, and `refs/<branch>` holding a commit.
 */
export class ModelCache {
  readonly #root: string;

  constructor(cacheDir: string, repo: string) {
    this.#root = join(cacheDir, `models--${repo.replaceAll('/', '--')}`);
  }

  snapshot(commit: string): string {
    return join(this.#root, 'snapshots', commit);
  }

  /** The path of a blob; its folder exists afterwards. */
  async blob(hash: string): Promise<string> {
    await makeFolder(join(this.#root, 'blobs'));
    return join(this.#root, 'blobs', hash);
  }

  /** The folder of a revision in the cache, if it holds these files; the usual ones of a model where none are named. */
  async find(
    revision: string,
    files?: readonly string[],
  ): Promise<{ commit: string; folder: string; names: string[] } | undefined> {
    const commit = isCommit(revision) ? revision : await this.#readRef(revision);
    if (commit === undefined) return undefined;
    const folder = this.snapshot(commit);
    const names = await completeFiles(folder, files);
    return names && { commit, folder, names };
  }

  async #readRef(revision: string): Promise<string | undefined> {
    const text = (await readFile(join(this.#root, 'refs', revision), 'utf8').catch(() => '')).trim();
    return isCommit(text) ? text : undefined;
  }

  /** Remembers which commit a branch or tag stood for. */
  async writeRef(revision: string, commit: string): Promise<void> {
    if (isCommit(revision)) return;
    const path = join(this.#root, 'refs', revision);
    await makeFolder(dirname(path));
    await writeFileAtomic(path, commit);
  }

  /** Makes a blob visible under its name; as a copy where the system has no links. */
  async link(blob: string, commit: string, name: string): Promise<void> {
    const path = join(this.snapshot(commit), name);
    const temporary = temporaryName(path);
    await makeFolder(dirname(path));
    await cleanOnce(path);
    await symlink(relative(dirname(path), blob), temporary).catch(() => copyFile(blob, temporary));
    await rename(temporary, path).catch((cause) => Promise.reject(fileError('write', path, cause)));
  }
}

async function completeFiles(folder: string, files?: readonly string[]): Promise<string[] | undefined> {
  const below = await readdir(join(folder, SUBFOLDER)).catch(() => []);
  const listed = [...(await readdir(folder).catch(() => [])), ...below.map((name) => `${SUBFOLDER}/${name}`)];
  const names = files ?? chooseFiles(listed);
  if (names === undefined || (!names.includes('config.json') && files === undefined)) return undefined;
  const needed = new Set([...names, ...(files ? [] : await shardsOf(folder, names))]);
  for (const name of needed) {
    if (!(await stat(join(folder, name)).catch(() => undefined))?.isFile()) return undefined; // follows the link
  }
  return [...needed];
}

/** The shards an index names, which the folder itself cannot tell are missing. */
async function shardsOf(folder: string, names: readonly string[]): Promise<string[]> {
  const index = shardIndexOf(names);
  if (index === undefined) return [];
  const json = (await readJson(join(folder, index)).catch(() => undefined)) as { weight_map?: unknown } | undefined;
  return [...new Set(Object.values(json?.weight_map ?? {}).map(String))];
}
