import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openIndex } from '@wbdc/search';
import { databaseError } from '../src/errors.js';

let folder: string;
let made = 0;
beforeAll(async () => void (folder = await mkdtemp(join(tmpdir(), 'wbdc-places-'))));
afterAll(() => rm(folder, { recursive: true, force: true }));

describe('places', () => {
  it('opens only what is there, unless it is to be made', async () => {
    const place = join(folder, 'new');
    await expect(openIndex(place)).rejects.toMatchObject({ code: 'index-missing' });
    await mkdir(place);
    await expect(openIndex(place)).rejects.toMatchObject({ code: 'index-missing' });
    await (await openIndex(place, { create: true })).close();
    await (await openIndex(place)).close();
  });

  it('says in words what the system refuses its database', () => {
    const full = new Error(
      'lance error: LanceError(IO): Generic LocalFileSystem error: Unable to copy data to file: ' +
        'No space left on device (os error 28), /usr/local/src/lance/commit.rs:1519:50',
    );
    expect(databaseError('idx', 'made', full)).toMatchObject({
      ...{ name: 'FileError', code: 'ENOSPC', cause: { cause: full } },
      message: 'cannot write idx: the disk is full: free some space or choose another folder',
    });
    const closed = new Error('Permission denied (os error 13)');
    expect(databaseError('idx', 'searched', closed).message).toMatch(/^cannot read idx: no permission: /);
    expect(databaseError('idx', 'read', new Error('odd'))).toMatchObject({ code: 'index-damaged', got: 'odd' });
  });

  it('leaves folders and files of something else as they are', async () => {
    const place = join(folder, 'photos');
    await mkdir(place);
    await writeFile(join(place, 'cat.jpg'), 'x');
    const refused = {
      code: 'index-foreign',
      message: `${place}: expected an index of videos, got a folder with cat.jpg`,
    };
    await expect(openIndex(place, { create: true })).rejects.toMatchObject(refused);
    await expect(openIndex(join(place, 'cat.jpg'), { create: true })).rejects.toMatchObject({ code: 'index-foreign' });
    expect(await readdir(place)).toEqual(['cat.jpg']);
  });

  it('says which addresses it knows', async () => {
    await expect(openIndex('db://cloud')).rejects.toThrow('a folder, or an address that starts with s3://');
    await expect(openIndex('http://example.org/x')).rejects.toMatchObject({ code: 'index-place' });
  });

  it('takes a folder whose name the database would take for its cloud', async () => {
    const before = process.cwd();
    process.chdir(folder);
    try {
      await using index = await openIndex('db-of-mine', { create: true });
      expect(index.where).toBe(join(folder, 'db-of-mine'));
    } finally {
      process.chdir(before);
    }
  });

  it.each([['videos.lance'], ['videos.lance/_versions'], ['__manifest/_versions']])(
    'makes anew what was killed when there was only %s',
    async (part) => {
      const place = join(folder, `half-${made++}`);
      await mkdir(join(place, part), { recursive: true });
      await expect(openIndex(place)).rejects.toMatchObject({ code: 'index-missing' });
      await using index = await openIndex(place, { create: true });
      await index.add([{ id: 'x' }]);
      expect((await index.stats()).videos).toBe(1);
    },
  );

  it('tells of damage in a few words', async () => {
    const index = await openIndex(join(folder, 'damaged'), { create: true });
    await index.add([{ id: 'a', title: '猫' }]);
    await index.close();
    await expect(index.search({ words: '猫' })).rejects.toMatchObject({ code: 'index-closed' });
    const versions = join(index.where, 'videos.lance', '_versions');
    for (const name of await readdir(versions)) await writeFile(join(versions, name), 'damaged');
    const error: unknown = await openIndex(index.where, { create: true }).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'index-damaged', where: index.where });
    expect(String(error).length).toBeLessThan(1000);
  });
});
