import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, readFile, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { exists } from '@wbdc/io';
import { WbdcError } from '@wbdc/io/errors';

/** A package of npm by version and content. */
export interface PinnedPackage {
  readonly name: string;
  readonly version: string;
  /** As npm's lock files have it: `sha512-<base64>`. */
  readonly integrity: string;
}

export interface FetchPackageOptions {
  /** Where packages are kept; default `~/.cache/wbdc/npm`. */
  readonly cache?: string | undefined;
  /** Puts a package's archive into a folder and gives its path; default `npm pack`. */
  readonly pack?: (spec: string, folder: string) => Promise<string>;
  readonly signal?: AbortSignal | undefined;
}

/**
 * The folder of a package that is fetched when it is first asked for: what only some want is no dependency. Its archive
 * must have the pinned content.
 *
 * @throws WbdcError where it cannot be fetched, or is another
 */
export async function fetchPackage(
  { name, version, integrity }: PinnedPackage,
  { cache = join(homedir(), '.cache', 'wbdc', 'npm'), pack, signal }: FetchPackageOptions = {},
): Promise<string> {
  const folder = join(cache, `${name.replace('/', '-')}-${version}`);
  if (await exists(join(folder, 'package.json'))) return folder;
  signal?.throwIfAborted();
  const spec = `${name}@${version}`;
  const partial = `${folder}.partial-${process.pid}`;
  await rm(partial, { recursive: true, force: true });
  await mkdir(partial, { recursive: true });
  try {
    const archive = await (pack ?? ((wanted, into) => npmPack(wanted, into, signal)))(spec, partial);
    const found = `sha512-${createHash('sha512')
      .update(await readFile(archive))
      .digest('base64')}`;
    if (found !== integrity) throw new WbdcError({ where: spec, expected: integrity, got: found });
    await run('tar', ['-xzf', archive, '-C', partial], spec, signal);
    await rename(join(partial, 'package'), folder).catch(async (error: unknown) => {
      if (!(await exists(join(folder, 'package.json')))) throw error; // else another process was first
    });
    return folder;
  } finally {
    await rm(partial, { recursive: true, force: true });
  }
}

async function npmPack(spec: string, folder: string, signal: AbortSignal | undefined): Promise<string> {
  const printed = await run('npm', ['pack', spec, '--ignore-scripts', '--pack-destination', folder], spec, signal);
  return join(folder, printed.trim().split(/\r?\n/).at(-1)!);
}

/** What a program prints. Both programs are found beside Node or on the system's path. */
function run(program: string, args: readonly string[], spec: string, signal: AbortSignal | undefined): Promise<string> {
  const PATH = `${dirname(process.execPath)}${process.platform === 'win32' ? ';' : ':'}${process.env['PATH'] ?? ''}`;
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, PATH },
      shell: process.platform === 'win32',
      ...(signal && { signal }),
    });
    let [out, err] = ['', ''];
    child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()));
    child.on('error', (cause) => {
      reject(signal?.aborted ? cause : failure(spec, `${program}: ${cause.message}`, cause));
    });
    child.on('close', (code) => {
      if (code === 0) resolve(out);
      else reject(failure(spec, `${program} ended with ${code}: ${err.trim().slice(-400)}`));
    });
  });
}

function failure(spec: string, got: string, cause?: unknown): WbdcError {
  const advice = 'the larger set is made from it: connect to the registry once, or use the small one';
  return new WbdcError({ where: spec, expected: 'a package of npm', got, advice }, { cause });
}
