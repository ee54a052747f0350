import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { floats } from '@wbdc/nn';
import { beforeAll, expect, it } from 'vitest';
import { createFeatureStore, mergeFeatureStores, openFeatureStore, verifyFeatureStore } from '../../src/index.js';
import { testFolder } from '../folder.js';

const folder = testFolder();
const at = (name: string): string => join(folder, name);
const merged = at('merged.zip');

async function write(name: string, ids: readonly string[], width = 3, model = 'a'): Promise<void> {
  const writer = await createFeatureStore(at(name), { width, recipe: { model } });
  for (const id of ids)
    await writer.add(id, floats([Number(id) % 3, width], new Float32Array((Number(id) % 3) * width).fill(Number(id))));
  await writer.finish();
}

beforeAll(async () => {
  await write('0.zip', ['101', '104']);
  await write('1.zip', ['107', '102']);
  await write('again.zip', ['104']);
  await write('wide.zip', ['110'], 5);
  await write('other.zip', ['110'], 3, 'b');
});

it('joins shards', async () => {
  expect(await mergeFeatureStores([at('0.zip'), at('1.zip')], merged)).toBe(4);
  const store = await openFeatureStore(merged);
  expect([[...store.ids], store.recipe]).toEqual([['101', '104', '107', '102'], { model: 'a' }]);
  expect(await store.read('107')).toEqual(floats([2, 3], new Float32Array(6).fill(107)));
  await store.close();
});

it.each([
  ['again.zip', /expected each name once, got 104\.npy twice/],
  ['wide.zip', /wide\.zip: 110: expected features \[n, 3\], got \[2, 5\]/],
  ['other.zip', /other\.zip: expected features of the same recipe/],
])('refuses %s and leaves nothing behind', async (name, message) => {
  const out = at(`with-${name}`);
  await expect(mergeFeatureStores([at('0.zip'), at(name)], out)).rejects.toThrow(message);
  expect([existsSync(out), existsSync(`${out}.part`)]).toEqual([false, false]);
});

it('says what is wrong with a store', async () => {
  await write('bad.zip', ['101', '102', '103', '104']); // 102 has no frames
  const bytes = readFileSync(at('bad.zip'));
  bytes[bytes.indexOf('101.npy') + 7 + 128] ^= 1;
  writeFileSync(at('bad.zip'), bytes);
  const messages: string[] = [];
  const onBad = (error: Error): void => void messages.push(error.message);
  const report = await verifyFeatureStore(at('bad.zip'), { expected: ['104', '105'], onBad });
  expect(report).toEqual({ videos: 4, frames: 3, bad: 2, missing: 1 });
  expect(messages.join('\n')).toMatch(
    /video 105, got none\n.*101: expected 140 bytes with CRC.*\n.*102: expected at least one frame/,
  );
  await expect(verifyFeatureStore(at('bad.zip'))).rejects.toThrow(/101: expected/);
});
