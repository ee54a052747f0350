import { spawn } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { writeFileAtomic } from '../src/index.js';
import { temporaryName } from '../src/temporary.js';
import { testFolder } from './folder.js';

const root = testFolder();
const REGISTER = join(import.meta.dirname, '../../../tools/from-source/register.mjs');

/** A process in the middle of writing `<folder>/a.txt`. */
async function writing(folder: string) {
  const program = `
    import { writeFileAtomic } from '@wbdc/io';
    async function* slowly() {
      yield 'x'.repeat(1 << 20);
      console.log('half');
      await new Promise((resolve) => setTimeout(resolve, 600_000));
    }
    await writeFileAtomic(${JSON.stringify(join(folder, 'a.txt'))}, slowly());`;
  const args = ['--import', REGISTER, '--input-type=module', '-e', program];
  const child = spawn(process.execPath, args, { cwd: import.meta.dirname, stdio: ['ignore', 'pipe', 'inherit'] });
  await new Promise((resolve) => child.stdout.once('data', resolve));
  return {
    kill: () =>
      new Promise((resolve) => {
        child.once('close', resolve);
        child.kill('SIGKILL');
      }),
  };
}

it('what a killed process was writing is removed by the next, what a running one writes stays', async () => {
  const [killed, running] = [await mkdtemp(join(root, 'killed-')), await mkdtemp(join(root, 'running-'))];
  const [one, other] = await Promise.all([writing(killed), writing(running)]);
  await one.kill();
  for (const folder of [killed, running]) {
    expect(readdirSync(folder)).toEqual([expect.stringMatching(/^a\.txt\..*\.tmp$/)]);
    writeFileSync(join(folder, 'notes.tmp'), 'not ours');
    await writeFileAtomic(join(folder, 'b.txt'), 'b');
  }
  expect(readdirSync(killed).sort()).toEqual(['b.txt', 'notes.tmp']);
  expect(readdirSync(running)).toHaveLength(3);
  expect(readFileSync(join(killed, 'notes.tmp'), 'utf8')).toBe('not ours');
  await other.kill();
});

it('those of another machine stay for a day', async () => {
  const folder = await mkdtemp(join(root, 'machines-'));
  const [young, old] = ['a', 'b'].map((name) =>
    temporaryName(join(folder, name)).replace(/[0-9a-f]{8}-\d+-/, '00000000-1-'),
  );
  for (const path of [young, old]) writeFileSync(path, '');
  utimesSync(old, new Date(0), new Date(0));
  await writeFileAtomic(join(folder, 'c'), 'c');
  expect(
    readdirSync(folder)
      .map((name) => join(folder, name))
      .sort(),
  ).toEqual([young, join(folder, 'c')].sort());
});

it('a folder that was removed and made again is cleaned again', async () => {
  const folder = await mkdtemp(join(root, 'again-'));
  await writeFileAtomic(join(folder, 'a'), 'a');
  rmSync(folder, { recursive: true });
  mkdirSync(folder);
  writeFileSync(temporaryName(join(folder, 'b')).replace(`-${process.pid}-`, '-4194304-'), ''); // no such process
  await writeFileAtomic(join(folder, 'c'), 'c');
  expect(readdirSync(folder)).toEqual(['c']);
});
