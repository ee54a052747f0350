import { createHash, randomBytes } from 'node:crypto';
import { lstat, readdir, rm, stat } from 'node:fs/promises';
import { hostname } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { threadId } from 'node:worker_threads';

/** `<file>.<machine>-<process>-<thread>-<random>.tmp`: what a file is written as until it is whole. */
const NAME = /\.([0-9a-f]{8})-(\d+)-\d+-[0-9a-f]{12}\.tmp$/;
const MACHINE = createHash('sha256').update(hostname()).digest('hex').slice(0, 8);

/** Of another machine nobody here knows whether it still writes: a day is more than any file takes. */
const DAY_MS = 86_400_000;

/** Folders that this process has cleaned; one that was removed and made again is another. */
const cleaned = new Set<string>();

/** A name beside a file that no other write uses. */
export function temporaryName(path: string): string {
  return `${path}.${MACHINE}-${process.pid}-${threadId}-${randomBytes(6).toString('hex')}.tmp`;
}

/** Whether a file was being written when its name was given: a process that is killed leaves it. */
export function isTemporary(path: string): boolean {
  return NAME.test(basename(path));
}

/**
 * Removes, the first time that this process writes into a folder, what processes that were killed have left there of
 * files that they were writing. Files of processes that run, or may run on another machine, stay.
 */
export async function cleanOnce(path: string): Promise<void> {
  const folder = dirname(path);
  const there = await stat(folder).catch(() => undefined);
  if (there === undefined) return; // whoever writes says so
  const identity = [folder, there.dev, there.ino, there.birthtimeMs].join(':');
  if (cleaned.has(identity)) return;
  cleaned.add(identity);
  for (const name of await readdir(folder).catch(() => [])) {
    const left = join(folder, name);
    if (await isLeft(left)) await rm(left, { force: true }).catch(() => undefined); // no reason not to write
  }
}

async function isLeft(path: string): Promise<boolean> {
  const [, machine, pid] = NAME.exec(basename(path)) ?? [];
  if (machine === undefined) return false;
  const status = await lstat(path).catch(() => undefined); // of a link, the link's own
  if (status === undefined) return false;
  if (machine !== MACHINE) return Date.now() - status.mtimeMs > DAY_MS;
  // A container starts with the same numbers again: what is older than this process is not of it.
  if (Number(pid) === process.pid) return status.mtimeMs < performance.timeOrigin - 1000;
  return !isRunning(Number(pid));
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM'; // of another user
  }
}
