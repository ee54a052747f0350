import { createHash } from 'node:crypto';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isMissing, markFiles, type FileMark } from '@wbdc/io';
import { isRemote, openRemote } from '@wbdc/io/remote';
import { WEIGHTS_FILE } from '../trained/model-files.js';
import { findModel } from '../trained/node/find-model.js';
import { hashOfMarks, shortHash, type Inventory, type InventoryOptions } from './contents.js';

/** What tells of a model how it was made, and not what it is. */
const ABOUT_IT = /^(?:\.|stage\.json$|contents\.tsv$|metrics\.jsonl$|report\.html$|log\.txt$|state\.json$)/;
const UNFINISHED = /(?:\.tmp|\.part|\.lock)$/;
const MOMENTS = 'optimizer.safetensors';

/**
 * Hashes of what files and folders hold that settings name: by setting, for those that are there. Of a folder with a
 * model (any that `findModel` knows) that model counts, of any other its files; subfolders and a training's moments do
 * not. Of a file on a server size and version count, by what the server says (ETag).
 *
 * @param paths by what to call them: `finetune.init`
 */
export async function fileInventory(
  paths: Readonly<Record<string, string>>,
  { known, signal }: InventoryOptions = {},
): Promise<Inventory> {
  const contents: Record<string, string> = {};
  const marks = new Map<string, FileMark>();
  for (const [what, path] of Object.entries(paths)) {
    if (isRemote(path)) {
      contents[what] = await remoteHash(path, signal);
      continue;
    }
    const files = await filesAt(path);
    if (files === undefined) continue;
    const found = await markFiles('', files, { known: known?.marks, signal });
    for (const [name, mark] of found) marks.set(name, mark);
    // Without the folder: a copy elsewhere, or the same weights at another step, are the same.
    contents[what] = hashOfMarks(
      new Map([...found].map(([name, mark]) => [name.slice(name.lastIndexOf('/') + 1), mark])),
    );
  }
  return { contents, marks };
}

/** Of a file on a server: size and version, by what the server says (ETag). */
export async function remoteHash(url: string, signal?: AbortSignal): Promise<string> {
  const file = await openRemote(url, { signal });
  await file.close();
  return shortHash(createHash('sha256').update(`${file.size}\n${file.version ?? ''}\n`));
}

async function filesAt(path: string): Promise<string[] | undefined> {
  const status = await stat(path).catch((error: unknown) => {
    if (isMissing(error)) return undefined;
    throw error;
  });
  if (status === undefined) return undefined;
  if (!status.isDirectory()) return [path];
  const folder = await findModel(path).catch(() => path);
  return (await filesIn(folder)).map((name) => join(folder, name));
}

async function filesIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  const names = entries.filter((entry) => !entry.isDirectory()).map(({ name }) => name);
  return names.filter((name) => !ABOUT_IT.test(name) && !UNFINISHED.test(name) && name !== MOMENTS).sort();
}

/**
 * Hashes of what a stage has made, by file: those in its folder, and the weights of its newest or finished model.
 *
 * @param folder of the stage
 */
export async function stageInventory(folder: string, { known, signal }: InventoryOptions = {}): Promise<Inventory> {
  const names = await filesIn(folder);
  const model = await findModel(folder).catch(() => undefined);
  const weights = model === undefined ? [] : [join(model, WEIGHTS_FILE).slice(join(folder, '/').length)];
  const marks = await markFiles(folder, [...names, ...weights], { known: known?.marks, signal });
  const contents = Object.fromEntries(
    [...marks].map(([name, { hash }]) => [weights.includes(name) ? 'weights' : name, hash]),
  );
  return { contents, marks };
}
