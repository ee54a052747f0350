import { randomInt, randomKey, foldIn } from '@wbdc/nn';
import { zipSync } from 'fflate';
import sharp from 'sharp';
import { expect, it } from 'vitest';
import { SourceError, decodeImage, readFrameZip } from '../src/index.js';
import { fixtureBytes } from './fixtures.js';

/** Mutated files per format; the full run of 10,000 takes a minute: FUZZ=10000 npx vitest run --project video-features fuzz */
const COUNT = Number(process.env.FUZZ ?? 150);
const LIMITS = { maxBytes: 2 ** 20, maxPixels: 2 ** 18 };

/** Flips bytes, cuts, repeats a part or overwrites a part with zeros or ones. */
function mutate(bytes: Uint8Array, seed: number): Uint8Array {
  const key = foldIn(randomKey(7), seed);
  const draw = (place: number, bound: number): number => randomInt(key, place, bound);
  const out = bytes.slice();
  for (let i = 0; i <= draw(0, 5); i++) out[draw(10 + i, out.length)] = draw(20 + i, 256);
  const from = draw(1, out.length);
  const to = Math.min(out.length, from + draw(2, 64));
  switch (draw(3, 5)) {
    case 0:
      return out.subarray(0, from);
    case 1:
      return Buffer.concat([out.subarray(0, to), out.subarray(from)]);
    case 2:
      return out.fill(0, from, to);
    case 3:
      return out.fill(255, from, to);
    default:
      return out;
  }
}

async function survives(bytes: Uint8Array, read: (bytes: Uint8Array) => Promise<unknown>): Promise<number> {
  let refused = 0;
  for (let seed = 0; seed < COUNT; seed++) {
    await read(mutate(bytes, seed)).catch((error: unknown) => {
      expect(error, `seed ${seed}`).toBeInstanceOf(SourceError);
      refused++;
    });
  }
  return refused;
}

it.each([0, 6] as const)('refuses broken zips in words or reads them (level %i)', async (level) => {
  const zip = zipSync({ 'a.jpg': fixtureBytes('grey.jpg'), 'b.png': fixtureBytes('small.png') }, { level });
  expect(await survives(zip, (bytes) => readFrameZip(bytes))).toBeGreaterThan(COUNT / 2);
});

const picture = () => sharp(fixtureBytes('grey.jpg'));
it.each([
  ['jpeg', () => Promise.resolve(fixtureBytes('grey.jpg'))],
  ['png', () => Promise.resolve(fixtureBytes('small.png'))],
  ['webp', () => picture().webp().toBuffer()],
  ['gif', () => picture().gif().toBuffer()],
] as const)('refuses broken pictures in words or decodes them: %s', async (_, make) => {
  const refused = await survives(await make(), (bytes) => decodeImage(bytes, { limits: LIMITS }));
  expect(refused).toBeGreaterThan(COUNT / 10);
});
