import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { unzipSync } from 'fflate';
import { expect, it } from 'vitest';
import { wbdcLayout } from '../../src/layouts/wbdc.js';
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
