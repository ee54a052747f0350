import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, it } from 'vitest';
import { takeLock, withLock } from '../src/index.js';
import { testFolder } from './folder.js';

const folder = testFolder();
const lockOf = (name: string): string => join(folder, name, '.lock');
const since = '2026-01-02T03:04:05.000Z';
const leave = (path: string, holder: object): void => {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, JSON.stringify({ ...holder, since }));
};
/** The number of a process that has ended. */
async function gone(): Promise<number> {
  const child = spawn(process.execPath, ['-e', '']);
  await once(child, 'exit');
  return child.pid!;
}

it('lets one in at a time and says who is there', async () => {
  const path = lockOf('one');
  const lock = await takeLock(path, 'runs/a/finetune');
  const held = JSON.parse(readFileSync(path, 'utf8')) as object;
  expect(held).toMatchObject({ pid: process.pid, host: hostname() });
  await expect(takeLock(path, 'runs/a/finetune')).rejects.toMatchObject({
    code: 'locked',
    message: expect.stringMatching(
      new RegExp(
        `^runs/a/finetune: expected no other process that writes there, got process ${process.pid} on ` +
          `${hostname()}, since 20.*: wait for it or stop it; if it is gone for certain, delete `,
      ),
    ),
  });
  await lock.release();
  await lock.release();
  await (await takeLock(path, 'x')).release();
  expect(existsSync(join(folder, 'one'))).toBe(false);
  const deep = await takeLock(join(folder, 'a/b/.lock'), 'x');
  writeFileSync(join(folder, 'a/file'), '');
  await deep.release();
  expect(readdirSync(join(folder, 'a'))).toEqual(['file']);
});

it('lets exactly one of many in', async () => {
  const path = lockOf('many');
  const attempts = await Promise.allSettled(Array.from({ length: 20 }, () => takeLock(path, 'x')));
  expect(attempts.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
});

it('lets exactly one of many take over what a dead process left', async () => {
  const path = lockOf('heirs');
  const lock = await takeLock(path, 'x');
  const holder = JSON.parse(readFileSync(path, 'utf8')) as object;
  await lock.release();
  leave(path, { ...holder, pid: await gone() });
  const attempts = await Promise.allSettled(Array.from({ length: 20 }, () => takeLock(path, 'x')));
  expect(attempts.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  expect(readdirSync(join(folder, 'heirs'))).toEqual(['.lock']);
});

it.runIf(existsSync('/proc/self/stat'))('takes over where the number is another process by now', async () => {
  const path = lockOf('reused');
  const lock = await takeLock(path, 'x');
  const holder = JSON.parse(readFileSync(path, 'utf8')) as { started: string };
  await lock.release();
  leave(path, { ...holder, started: holder.started.replace(/\d+$/, '1') });
  await (await takeLock(path, 'x')).release();
  leave(path, { ...holder, started: holder.started.replace(/\d+$/, '1'), space: 'pid:[1]' }); // of another container
  await expect(takeLock(path, 'x')).rejects.toThrow(`process ${process.pid} on ${hostname()}, since ${since}`);
});

it('believes a process of another machine for as long as it gives signs of life', async () => {
  const path = lockOf('far');
  leave(path, { pid: 1, host: `not-${hostname()}` });
  await expect(takeLock(path, 'x')).rejects.toThrow(`process 1 on not-${hostname()}, since ${since}`);
  const before = new Date(Date.now() - 3_600_000);
  utimesSync(path, before, before);
  await (await takeLock(path, 'x')).release();
});

it('does not trust a damaged lock at once', async () => {
  const path = lockOf('torn');
  leave(path, {});
  writeFileSync(path, '{"pid');
  await expect(takeLock(path, 'x')).rejects.toThrow('got another process: wait');
});

it('is released when the work ends, with an error too', async () => {
  const path = join(folder, 'results');
  const held = withLock(path, async () => {
    expect(existsSync(join(folder, '.results.lock'))).toBe(true);
    await expect(withLock(path, () => Promise.resolve(8))).rejects.toThrow(`${path}: expected no other process`);
    return 7;
  });
  expect(await held).toBe(7);
  await expect(withLock(path, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
  expect(existsSync(join(folder, '.results.lock'))).toBe(false);
});
