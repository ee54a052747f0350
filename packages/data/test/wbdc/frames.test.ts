import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { unzipSync, zipSync } from 'fflate';
import { expect, it } from 'vitest';
import { wbdcLayout } from '../../src/layouts/wbdc.js';
import { equalFrames } from '../../src/wbdc/equal-frames.js';
import { writeFrameZip } from '../../src/wbdc/frames.js';
import { testFolder } from '../folder.js';

const folder = testFolder();

it('stores pictures under their names, the same bytes every time', async () => {
  const images = [1, 2, 3].map((i) => ({ name: `0000${i}.jpg`, bytes: Uint8Array.of(i, 0xff, i) }));
  const path = wbdcLayout(folder).frameZip('labeled', '1234567890123456789');
  await writeFrameZip(path, images);
  const bytes = readFileSync(path);
  expect(unzipSync(bytes)).toEqual(Object.fromEntries(images.map((image) => [image.name, image.bytes])));
  await writeFrameZip(path, images);
  expect(readFileSync(path).equals(bytes)).toBe(true);
});

it('leaves nothing behind when a name stands twice', async () => {
  const path = join(folder, 'x.zip');
  const image = { name: 'a.jpg', bytes: Uint8Array.of(1) };
  await expect(writeFrameZip(path, [image, image])).rejects.toThrow(/expected each name once, got a\.jpg twice/);
  expect(() => readFileSync(path)).toThrow(/ENOENT/);
});

it('finds videos of the same frames, however they are packed and named', async () => {
  const frame = (i: number): Uint8Array => new Uint8Array(900).fill(i);
  const litter = { '__MACOSX/._0.jpg': frame(9), 'v/.DS_Store': frame(8) };
  const zips: Record<string, Uint8Array> = {
    a: zipSync({ '1.jpg': frame(1), '2.jpg': frame(2), '10.jpg': frame(3) }, { level: 0 }),
    b: zipSync({ 'v/00001.jpg': frame(1), 'v/00002.jpg': frame(2), 'v/00010.jpg': frame(3), ...litter }, { level: 6 }),
    other: zipSync({ '1.jpg': frame(1), '10.jpg': frame(2), '2.jpg': frame(3) }),
    fewer: zipSync({ '1.jpg': frame(1), '2.jpg': frame(2) }),
    empty: zipSync({}),
    empty2: zipSync({}),
    broken: frame(1),
    broken2: frame(1),
    c: zipSync({ '1.png': frame(1), '2.png': frame(2), '3.png': frame(3) }),
  };
  for (const [name, bytes] of Object.entries(zips)) writeFileSync(join(folder, `${name}.zip`), bytes);
  const ids = [...Object.keys(zips), 'missing', 'missing2'];
  const groups = await equalFrames(ids.map((id) => ({ id, path: join(folder, `${id}.zip`) })));
  expect(groups).toEqual(
    new Map([
      ['b', 'a'],
      ['c', 'a'],
    ]),
  );
});
