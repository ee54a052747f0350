import { mkdir, mkdtemp, readFile, readlink, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { makeAlike } from './kill/alike.js';
import { differences, filesOf } from './kill/compare.js';

let root: string;
const at = (path: string): string => join(root, path);
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'wbdc-alike-'));
  await mkdir(at('wanted/a/b'), { recursive: true });
  for (const name of ['a/one.txt', 'a/b/two.txt', 'three.txt']) await writeFile(at(`wanted/${name}`), name);
  await symlink('one.txt', at('wanted/a/link'));
  await mkdir(at('world'));
});
afterEach(() => rm(root, { recursive: true }));

it('a world gets what it lacks, loses what is over, and keeps what stands', async () => {
  await makeAlike(at('wanted'), at('world'));
  expect(await filesOf(at('world'))).toEqual(await filesOf(at('wanted')));
  expect(await readlink(at('world/a/link'))).toBe('one.txt');
  expect(await differences(at('wanted'), at('world'))).toEqual([]);

  await rm(at('world/a/b'), { recursive: true });
  await writeFile(at('world/a/b'), 'a file where a folder was');
  await writeFile(at('world/three.txt'), 'THREE.txt'); // of the same size
  await mkdir(at('world/left/over'), { recursive: true });
  expect(await differences(at('wanted'), at('world'))).toHaveLength(3);
  await makeAlike(at('wanted'), at('world'));
  expect(await filesOf(at('world'))).toEqual(await filesOf(at('wanted')));
  expect(await readFile(at('world/three.txt'), 'utf8')).toBe('three.txt');
  expect(await differences(at('wanted'), at('world'))).toEqual([]);
});

it('leaves out what is not wanted, and sees a file that was written with the same bytes in number', async () => {
  await makeAlike(at('wanted'), at('world'), ['a']);
  expect(await filesOf(at('world'))).toEqual(['three.txt']);
  await writeFile(at('world/three.txt'), 'threE.txt');
  await utimes(at('world/three.txt'), 1, 1);
  expect(await differences(at('wanted'), at('world'))).toContainEqual(expect.stringContaining('three.txt: 9 bytes'));
});
