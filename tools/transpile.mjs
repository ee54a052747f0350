/**
 * JavaScript of projects and of all they refer to, without checking their types: `node tools/transpile.mjs apps/lab`.
 * `tsc -b` needs ten times as long, and the first command of a fresh clone should soon do its work; types are checked
 * by `npm run typecheck`. A file that is not older than its source stays, whoever made it; `tsc -b` makes all of them
 * again unless it made them itself.
 */
import { mkdirSync, readFileSync, readdirSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';

/** Folders of a project and of what it refers to, each once. */
function projects(folder, found = new Set()) {
  if (found.has(folder)) return found;
  found.add(folder);
  const { references = [] } = JSON.parse(readFileSync(join(folder, 'tsconfig.json'), 'utf8'));
  for (const { path } of references) projects(resolve(folder, path), found);
  return found;
}

/** Sources of a project that are newer than what was made of them. */
function stale(folder) {
  return readdirSync(join(folder, 'src'), { recursive: true })
    .filter((name) => /(?<!\.d)\.ts$/.test(name))
    .filter((name) => {
      const made = statSync(join(folder, 'dist', name.replace(/ts$/, 'js')), { throwIfNoEntry: false });
      return made === undefined || made.mtimeMs < statSync(join(folder, 'src', name)).mtimeMs;
    })
    .map((name) => join(folder, 'src', name));
}

/** Other processes read a file whole, and one that a kill cuts short is made again. */
function writeWhole({ path, contents }) {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(`${path}.${process.pid}`, contents);
  renameSync(`${path}.${process.pid}`, path);
}

/** Gives the number of sources that were newer than what stood in `dist`. */
export async function transpile(folders) {
  const all = new Set(folders.flatMap((folder) => [...projects(resolve(folder))]));
  const made = [...all].map(async (folder) => {
    const entryPoints = stale(folder);
    if (entryPoints.length === 0) return 0;
    const [outbase, outdir] = [join(folder, 'src'), join(folder, 'dist')];
    const from = { entryPoints, outbase, outdir, absWorkingDir: folder, write: false };
    const { outputFiles } = await build({
      ...from,
      format: 'esm',
      platform: 'node',
      target: 'es2022',
      sourcemap: true,
    });
    const maps = outputFiles.filter(({ path }) => path.endsWith('.map'));
    for (const file of [...maps, ...outputFiles.filter((other) => !maps.includes(other))]) writeWhole(file);
    return entryPoints.length;
  });
  return (await Promise.all(made)).reduce((sum, count) => sum + count, 0);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await transpile(process.argv.slice(2));
