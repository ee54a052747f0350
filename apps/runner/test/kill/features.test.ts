import { open, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { wbdcLayout, openFeatureStore } from '@wbdc/data';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { makeWorld, type World } from '../features/world.js';
import { startHere } from './here.js';
import { start, type Ended } from './process.js';

/** Few frames are decoded, and wide ones written: a file gathers a megabyte before it writes. */
const WIDTH = 1536;
const FRAMES = 12;
const VIDEOS = 70;
const SETTINGS = `
engine: ort
data: { folder: my, trainSplits: [unlabeled], heldOutSplits: [test_a], maxBadShare: 0 }
features: { tower: tower, batchSize: 32, decodeThreads: 1 }
`;

let world: World;
beforeAll(async () => {
  const tower = { imageSize: 16, patchSize: 16, width: WIDTH, layers: 1, heads: 12, intermediateSize: 256 };
  world = await makeWorld({ videos: { unlabeled: VIDEOS, test_a: 2 }, frames: () => FRAMES, tower });
  await writeFile(join(world.folder, 'my.yaml'), SETTINGS);
  expect(await codeOf('data --name killed')).toBe(0);
});
afterAll(() => rm(world.folder, { recursive: true }));

const words = (args: string): string[] => `${args} --config my.yaml`.split(' ');
const codeOf = async (args: string): Promise<Ended['code']> =>
  (await startHere(words(args), { folder: world.folder }).ended).code;

const part = (): string => join(world.folder, 'runs/killed/features/unlabeled.zip.part');
const sizeOf = (path: string): Promise<number> =>
  stat(path).then(
    ({ size }) => size,
    () => 0,
  );

/** Ids whose arrays stand in the part file from their first byte to their last. */
async function storedIds(): Promise<string[]> {
  const bytes = await readFile(part());
  const array = 128 + FRAMES * WIDTH * 2;
  return world.ids['unlabeled'].filter((id) => {
    const at = bytes.indexOf(`${id}.npy`);
    return at > 0 && at + `${id}.npy`.length + array <= bytes.length;
  });
}

it('killed at any moment, goes on behind what was written, and loses no video', async () => {
  const running = start(words('features --name killed'), { folder: world.folder });
  const over = running.ended.then(({ code }) => Promise.reject(new Error(`ended with ${code} before it was killed`)));
  while ((await sizeOf(part())) < 1 << 20) await Promise.race([setTimeout(2), over]);
  over.catch(() => undefined);
  running.kill('SIGKILL');
  expect((await running.ended).code).toBe('SIGKILL');
  const stored = await storedIds();
  expect(stored.length).toBeGreaterThan(25); // 37 kB each
  expect(stored.length).toBeLessThan(VIDEOS);
  await cut(world.ids['unlabeled'][stored.length]);

  // Whatever is computed again needs its pictures: those of stored videos are damaged, and their directories are not.
  const zips = stored.map((id) => wbdcLayout(join(world.folder, 'my')).frameZip('unlabeled', id));
  const kept = await Promise.all(zips.map(async (path) => [path, await readFile(path)] as const));
  await Promise.all(kept.map(([path, bytes]) => writeFile(path, Buffer.from(bytes).fill(0, 0, 200))));
  expect(await codeOf('features --name killed --resume')).toBe(0);
  await Promise.all(kept.map(([path, bytes]) => writeFile(path, bytes)));

  expect(await codeOf('verify-features --name killed')).toBe(0);
  expect(await codeOf('features --name whole --set run.base=killed')).toBe(0);
  const [resumed, whole] = await Promise.all(
    ['killed', 'whole'].map((name) => openFeatureStore(join(world.folder, `runs/${name}/features/unlabeled.zip`))),
  );
  expect([...resumed.ids]).toEqual([...whole.ids]);
  let largest = 0;
  for (const id of whole.ids) {
    const [a, b] = [await resumed.read(id), await whole.read(id)];
    expect(a.shape).toEqual([FRAMES, WIDTH]);
    a.data.forEach((value, i) => (largest = Math.max(largest, Math.abs(value - b.data[i]))));
  }
  expect(largest).toBeLessThan(4e-3); // batches are divided otherwise: the last bit of a float16 near 2
  await Promise.all([resumed.close(), whole.close()]);
});

/** What a kill in the middle of a write leaves: half of the next entry. */
async function cut(id: string): Promise<void> {
  const file = await open(part(), 'a');
  const header = Buffer.alloc(30);
  header.writeUInt32LE(0x04034b50, 0);
  header.writeUInt32LE(128 + FRAMES * WIDTH * 2, 22);
  header.writeUInt16LE(`${id}.npy`.length, 26);
  await file.write(Buffer.concat([header, Buffer.from(`${id}.npy`), Buffer.alloc(5000)]));
  await file.close();
}
