import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { makeFolder, writeFileAtomic } from '../src/index.js';

const disk = mkdtempSync(join(tmpdir(), 'read-only-'));
const missing = mount();
afterAll(() => {
  if (missing === undefined) execFileSync('umount', ['--lazy', disk]);
  rmSync(disk, { recursive: true });
});

/** A disk that is read-only, with a folder; why there is none. */
function mount(): string | undefined {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', disk], { stdio: 'pipe' });
    mkdirSync(join(disk, 'there'));
    execFileSync('mount', ['-o', 'remount,ro', disk], { stdio: 'pipe' });
    return undefined;
  } catch (error) {
    return `no disk can be mounted read-only here: ${String(error).split('\n')[0]}`;
  }
}

it('a read-only disk is told as what it is, and the file by its own name', async (context) => {
  if (missing !== undefined) context.skip(missing);
  const reason = 'the disk is read-only: choose another folder';
  await expect(makeFolder(join(disk, 'a', 'b'))).rejects.toThrow(`cannot make the folder ${disk}/a/b: ${reason}`);
  await expect(writeFileAtomic(join(disk, 'there', 'x'), 'x')).rejects.toThrow(
    `cannot write ${disk}/there/x: ${reason}`,
  );
  await makeFolder(join(disk, 'there'));
});

it('what else is in the way of a folder keeps its name', async () => {
  await expect(makeFolder('/dev/null/a')).rejects.toThrow(
    'cannot make the folder /dev/null/a: a part of the path is a file',
  );
});
