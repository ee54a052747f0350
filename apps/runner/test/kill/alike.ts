import { copyFile, lstat, mkdir, readdir, readlink, rm, symlink, utimes } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * Makes a folder what another is, without some paths of that: copies what has another size or time, and takes away what
 * is not there. Most of a world stands as it was left, and to copy all of it takes longer than most commands do.
 */
export async function makeAlike(wanted: string, folder: string, without: readonly string[] = []): Promise<void> {
  const [expected, there] = await Promise.all([marksOf(wanted), marksOf(folder)]);
  for (const path of expected.keys()) {
    if (without.some((one) => path === one || path.startsWith(`${one}/`))) expected.delete(path);
  }
  for (const path of there.keys()) {
    if (!expected.has(path)) await rm(join(folder, path), { recursive: true, force: true });
  }
  for (const [path, mark] of expected) {
    if (there.get(path) !== mark) await copy(join(wanted, path), join(folder, path), mark);
  }
}

/** A mark of two files that are alike: what a command writes has the time of its writing. */
export async function markOf(path: string): Promise<string> {
  const found = await lstat(path);
  if (found.isDirectory()) return FOLDER;
  // A copy has no finer time.
  return found.isSymbolicLink() ? `${LINK}${await readlink(path)}` : `${found.size} ${Math.round(found.mtimeMs)}`;
}

const FOLDER = 'folder';
const LINK = 'link to ';

/** Of all that stands below a folder, by the paths from there: folders before what they hold. */
async function marksOf(folder: string): Promise<Map<string, string>> {
  const paths = (await readdir(folder, { recursive: true })).sort();
  const marks = paths.map(async (path): Promise<[string, string]> => [path, await markOf(join(folder, path))]);
  return new Map(await Promise.all(marks));
}

async function copy(from: string, to: string, mark: string): Promise<void> {
  await rm(to, { recursive: true, force: true });
  if (mark === FOLDER) await mkdir(to, { recursive: true });
  else if (mark.startsWith(LINK)) await symlink(mark.slice(LINK.length), to);
  else {
    await copyFile(from, to);
    const { atime, mtime } = await lstat(from);
    await utimes(to, atime, mtime);
  }
}
