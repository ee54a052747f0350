import { link, open, readFile, readlink, rm, rmdir, stat, utimes, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { WbdcError } from './errors.js';
import { fileError, isMissing, makeFolder, readIfThere } from './files.js';
import { cleanOnce, temporaryName } from './temporary.js';

/** Who holds a lock. */
export interface LockHolder {
  readonly pid: number;
  readonly host: string;
  /** When it was taken. */
  readonly since: string;
  /** The start of the process in ticks of its machine, and which start of the machine that is, where /proc says so. */
  readonly started?: string | undefined;
  /** The space that its number counts in: containers have their own. */
  readonly space?: string | undefined;
}

/** Something that one process at a time may write. */
export interface Lock {
  /** Lets the next one in; the second call does nothing. */
  release(): Promise<void>;
}

/** How often a holder says that it lives, and after how long a silent one of another machine counts as gone. */
const [BEAT_MS, SILENT_MS] = [20_000, 300_000];
/** Looks at a lock that others take over or release, the pause between two, and how long taking over lasts at most. */
const [ATTEMPTS, PAUSE_MS, GUARD_MS] = [600, 20, 10_000];

/**
 * Takes a lock: a file that names process, machine and time. One whose process is gone is taken over: on this machine,
 * where no process of that number runs, or another one that started at another time; of another machine, or another
 * container, where the holder has not touched the file for five minutes.
 *
 * @param path of the lock's file; folders above it are made, and removed again where they are still empty in the end
 * @param what that is locked, for the message: `runs/a/finetune`
 * @throws WbdcError `locked` where another process holds it
 */
export async function takeLock(path: string, what: string): Promise<Lock> {
  const folder = dirname(path);
  const made = await makeFolder(folder);
  const mine: LockHolder = { pid: process.pid, host: hostname(), since: new Date().toISOString() };
  const [started, space] = [await startOf(process.pid), await numberSpace()];
  const more = { ...(started !== undefined && { started }), ...(space !== undefined && { space }) };
  const text = `${JSON.stringify({ ...mine, ...more })}\n`;
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    if (await create(path, text)) return held(path, text, made);
    const there = await readIfThere(path);
    if (there === undefined) continue; // released in between
    const holder = parse(there);
    if (!(await isStale(path, holder))) throw lockedError(path, what, holder);
    if (!(await takeAway(path, there))) await delay(PAUSE_MS); // another one is at it
  }
  throw lockedError(path, what, parse((await readIfThere(path)) ?? ''));
}

/**
 * Writes a file or folder that one process at a time may write. The lock's file is beside it, `.<name>.lock`, so that a
 * folder may be renamed meanwhile.
 *
 * @throws WbdcError `locked` where another process is at it
 */
export async function withLock<T>(path: string, work: () => Promise<T>): Promise<T> {
  const lock = await takeLock(join(dirname(path), `.${basename(path)}.lock`), path);
  try {
    return await work();
  } finally {
    await lock.release();
  }
}

/** Whether the file is this one's now: it appears with its contents, or was there before. */
async function create(path: string, text: string): Promise<boolean> {
  const temporary = temporaryName(path);
  await cleanOnce(path);
  try {
    await writeFile(temporary, text);
    await link(temporary, path);
    return true;
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
    if (code === 'EEXIST') return false;
    // File systems without hard links
    if (code === 'EPERM' || code === 'ENOTSUP' || code === 'EOPNOTSUPP' || code === 'ENOSYS')
      return createNew(path, text);
    throw fileError('write', path, cause);
  } finally {
    await rm(temporary, { force: true }).catch(() => undefined);
  }
}

async function createNew(path: string, text: string): Promise<boolean> {
  try {
    const file = await open(path, 'wx');
    await file.writeFile(text).finally(() => file.close());
    return true;
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'EEXIST') return false;
    throw fileError('write', path, cause);
  }
}

function held(path: string, text: string, made: string | undefined): Lock {
  const beat = setInterval(() => {
    const now = new Date();
    utimes(path, now, now).catch(() => undefined);
  }, BEAT_MS);
  beat.unref();
  let released = false;
  return {
    release: async () => {
      if (released) return;
      released = true;
      clearInterval(beat);
      // One that was taken over, as after a long sleep, is not this one's to remove.
      if ((await readIfThere(path)) === text) await rm(path, { force: true });
      if (made !== undefined) await removeEmpty(dirname(path), made);
    },
  };
}

/** Removes a folder and those above it up to `top`, as long as they are empty. */
async function removeEmpty(folder: string, top: string): Promise<void> {
  for (let at = folder; at.startsWith(top); at = dirname(at)) {
    if (
      !(await rmdir(at).then(
        () => true,
        () => false,
      ))
    )
      return;
  }
}

/** What a lock's file says; a damaged one names nobody. */
function parse(text: string): LockHolder | undefined {
  try {
    const { pid, host, since, started, space } = JSON.parse(text) as Partial<LockHolder>;
    if (typeof pid !== 'number' || typeof host !== 'string' || typeof since !== 'string') return undefined;
    return { pid, host, since, started, space };
  } catch {
    return undefined;
  }
}

async function isStale(path: string, holder: LockHolder | undefined): Promise<boolean> {
  const near = holder?.host === hostname() && holder.space === (await numberSpace());
  if (near) return !(await isRunning(holder));
  const silent = await stat(path).then(
    ({ mtimeMs }) => Date.now() - mtimeMs,
    (error: unknown) => (isMissing(error) ? Infinity : Promise.reject(fileError('look at', path, error))),
  );
  return silent > SILENT_MS;
}

/** Whether the very process still runs: its number may be another's by now. */
async function isRunning({ pid, started }: LockHolder): Promise<boolean> {
  try {
    process.kill(pid, 0);
  } catch (error) {
    // EPERM: it runs, under another user
    if (error instanceof Error && 'code' in error && error.code === 'ESRCH') return false;
  }
  const now = await startOf(pid);
  return started === undefined || now === undefined || now === started;
}

/** When a process started, of which start of the machine; nothing where there is no /proc. */
async function startOf(pid: number): Promise<string | undefined> {
  try {
    const [status, boot] = await Promise.all([
      readFile(`/proc/${pid}/stat`, 'utf8'),
      readFile('/proc/sys/kernel/random/boot_id', 'utf8'),
    ]);
    // The name in brackets may hold blanks and brackets; the 22nd field is the 20th behind it.
    const ticks = status.slice(status.lastIndexOf(')') + 2).split(' ')[19];
    return ticks === undefined ? undefined : `${boot.trim()} ${ticks}`;
  } catch {
    return undefined;
  }
}

/** Numbers of processes name them within it alone; nothing where there is no /proc. */
function numberSpace(): Promise<string | undefined> {
  return readlink('/proc/self/ns/pid').catch(() => undefined);
}

/**
 * Removes a stale lock. One process at a time looks at it again and removes it: between the two, another one could have
 * put its own there. False where another process is at it.
 */
async function takeAway(path: string, stale: string): Promise<boolean> {
  const guard = `${path}.takeover`;
  if (!(await createNew(guard, ''))) {
    const status = await stat(guard).catch(() => undefined);
    if (status && Date.now() - status.mtimeMs > GUARD_MS) await rm(guard, { force: true }); // its process has died
    return false;
  }
  try {
    if ((await readIfThere(path)) === stale) await rm(path, { force: true });
    return true;
  } finally {
    await rm(guard, { force: true });
  }
}

function lockedError(path: string, what: string, holder: LockHolder | undefined): WbdcError {
  const who = holder ? `process ${holder.pid} on ${holder.host}, since ${holder.since}` : 'another process';
  return new WbdcError({
    where: what,
    expected: 'no other process that writes there',
    got: who,
    advice: `wait for it or stop it; if it is gone for certain, delete ${path}`,
    code: 'locked',
  });
}
