import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build, type Plugin } from 'esbuild';
import type { Plugin as VitePlugin } from 'vite';

const ROOT = resolve(import.meta.dirname, '..');
/** What esbuild calls modules that are left to `require`. */
const REQUIRED = 'required';
const CACHE = join(ROOT, 'node_modules/.cache/compiled');

/** What a program was compiled from, by path; and where it lies. */
interface Compiled {
  readonly folder: string;
  readonly inputs: Readonly<Record<string, string>>;
}

/**
 * A TypeScript program of this repository as JavaScript that Node starts without a loader: of some hundred modules a
 * few files, which are loaded in a quarter of the time. Made where a source has changed since, and kept.
 *
 * @param file its source, from the repository's root where the path is not absolute
 * @returns the file to start
 */
export async function compiled(file: string): Promise<string> {
  const path = relative(ROOT, resolve(ROOT, file));
  const known = join(CACHE, `${hashOf(path).slice(0, 16)}.json`);
  const program = path.replace(/\.ts$/, '.js');
  const last = await readFile(known, 'utf8').then(
    (text) => JSON.parse(text) as Compiled,
    () => undefined,
  );
  if (last && (await isCurrent(last))) return join(last.folder, program);
  await mkdir(CACHE, { recursive: true });
  const folder = await mkdtemp(join(CACHE, 'program-'));
  const inputs = await compile(path, folder);
  await writeFile(`${folder}.json`, JSON.stringify({ folder, inputs } satisfies Compiled));
  await rename(`${folder}.json`, known); // others read it whole
  if (last) await rm(last.folder, { recursive: true, force: true });
  return join(folder, program);
}

/**
 * Threads that tests start run compiled programs: from source each of them loads the loader and its modules one by one,
 * which takes seconds, where a training in a test takes tenths of one.
 */
export function threadsCompiled(): VitePlugin {
  return {
    name: 'wbdc-threads',
    enforce: 'pre',
    transform: async (code, id) => {
      const found = relative(ROOT, id);
      if (!/^packages\/[^/]+\/src\/.*\.ts$/.test(found) || !BESIDE.test(code)) return undefined;
      threads ??= folderOfThreads();
      return { code: besideCompiled(code, found, await threads), map: null };
    },
  };
}

let threads: Promise<string> | undefined;

/** With one of them all are compiled. */
async function folderOfThreads(): Promise<string> {
  const [one] = programsBeside();
  return (await compiled(one)).slice(0, -one.length);
}

const BESIDE = /(besideProgram\('[\w-]+', )import\.meta\.url\)/;

/** A module's text with the programs beside it in the folder of what was compiled. */
function besideCompiled(text: string, path: string, folder: string): string {
  const made = JSON.stringify(pathToFileURL(join(folder, path.replace(/\.ts$/, '.js'))).href);
  return text.replaceAll(new RegExp(BESIDE, 'g'), `$1${made})`);
}

async function isCurrent({ folder, inputs }: Compiled): Promise<boolean> {
  if (!existsSync(folder)) return false;
  const hashes = await hashesOf(Object.keys(inputs)).catch(() => undefined); // one is gone
  return hashes !== undefined && Object.entries(hashes).every(([input, hash]) => inputs[input] === hash);
}

async function hashesOf(paths: readonly string[]): Promise<Record<string, string>> {
  const hashes = paths.map(async (path) => [path, hashOf(await readFile(join(ROOT, path)))] as const);
  return Object.fromEntries(await Promise.all(hashes));
}

function hashOf(content: string | Buffer): string {
  return createHash('sha256').update(content).digest('hex');
}

/** Gives the hashes of what was read. */
async function compile(path: string, folder: string): Promise<Record<string, string>> {
  const { metafile } = await build({
    absWorkingDir: ROOT,
    entryPoints: [...new Set([path, ...programsBeside()])],
    outdir: folder,
    outbase: ROOT,
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    conditions: ['@wbdc/source'],
    metafile: true,
    logLevel: 'error',
    plugins: [inPlace(folder)],
  });
  const manifests = readdirSync(join(ROOT, 'packages')).map((name) => `packages/${name}/package.json`);
  const settings = ['package-lock.json', relative(ROOT, import.meta.filename), ...manifests];
  const inputs = Object.keys(metafile.inputs).filter((input) => !input.startsWith(`${REQUIRED}:`));
  return hashesOf([...inputs, ...settings]);
}

/** Programs of threads and processes that modules start. */
function programsBeside(): string[] {
  return readdirSync(join(ROOT, 'packages')).flatMap((name) => {
    const source = `packages/${name}/src`;
    const files = readdirSync(join(ROOT, source), { recursive: true, encoding: 'utf8' });
    return files.filter((file) => /-(worker|server)\.ts$/.test(file)).map((file) => `${source}/${file}`);
  });
}

/** Whether Node loads a file with `require`. */
function isCommonJs(path: string): boolean {
  if (!/\.c?js$/.test(path)) return false;
  for (let folder = dirname(path); path.endsWith('.js'); folder = dirname(folder)) {
    const manifest = join(folder, 'package.json');
    if (existsSync(manifest)) return !/"type": *"module"/.test(readFileSync(manifest, 'utf8'));
  }
  return true;
}

/** What is not of this repository stays outside; files beside a module stay where they are, but for such programs. */
function inPlace(folder: string): Plugin {
  return {
    name: 'in-place',
    setup({ onLoad, onResolve, resolve: find }) {
      onResolve({ filter: /^[^./]/ }, async ({ path, importer, kind, resolveDir, pluginData }) => {
        if (importer === '' || pluginData === 'found' || path.startsWith('node:')) return undefined;
        if (path.startsWith('@wbdc/')) return undefined;
        const found = await find(path, { importer, kind, resolveDir, pluginData: 'found' });
        // Of a dynamic one esbuild would give the default alone.
        if (kind === 'import-statement' && isCommonJs(found.path)) return { path: found.path, namespace: REQUIRED };
        const name = path.split('/', path.startsWith('@') ? 2 : 1).join('/');
        const own = relative(ROOT, importer).split('/', 2).join('/'); // what a package has for itself
        if (!existsSync(join(ROOT, own, 'node_modules', name))) return { path, external: true };
        return { path: pathToFileURL(found.path).href, external: true };
      });
      // An import of CommonJS reads all of its text for the names that it exports, which takes longer than to run it.
      onLoad({ filter: /.*/, namespace: REQUIRED }, ({ path }) => {
        const file = JSON.stringify(path);
        const contents = `module.exports = process.getBuiltinModule('module').createRequire(${file})(${file})`;
        return { contents, loader: 'js' };
      });
      onLoad({ filter: /\.tsx?$/ }, async ({ path }) => {
        const text = await readFile(path, 'utf8');
        const there = JSON.stringify(pathToFileURL(path).href);
        const contents = besideCompiled(text, relative(ROOT, path), folder)
          .replaceAll(/\bimport\.meta\.url\b/g, there)
          .replaceAll(/\bimport\.meta\.dirname\b/g, JSON.stringify(dirname(path)))
          .replaceAll(/\bimport\.meta\.filename\b/g, JSON.stringify(path));
        return { contents, loader: 'ts' };
      });
    },
  };
}
