import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { openIndex } from '@wbdc/search';
import { randomVectors, recordsOf } from './vectors.js';

const HASH = '0123456789abcdef';
const ids = (hits: readonly { readonly video: { readonly id: string } }[]) => hits.map(({ video }) => video.id);

it('answers from a graph, nearly as well as by comparing all, and finds what came after', async () => {
  const model = { name: 'video', hash: HASH, width: 16 };
  const vectors = randomVectors(3000, 16, 1);
  const folder = await mkdtemp(join(tmpdir(), 'wbdc-large-'));
  await using index = await openIndex(folder, { create: true, exactUpTo: 1000 });
  await index.addModel(model);
  const messages: string[] = [];
  await index.add(recordsOf(vectors, HASH), { batchSize: 1000, onMessage: (line) => messages.push(line) });
  expect(messages).toEqual(["building the graph of 3,000 vectors 'video'"]);
  expect((await index.stats()).models[0]).toMatchObject({ vectors: 3000, indexed: 3000, search: 'approximate' });
  let found = 0;
  for (const values of randomVectors(20, 16, 2)) {
    const query = { vectors: [{ model: 'video', hash: HASH, values }] };
    const [near, exact] = [await index.search(query), await index.search({ ...query, exact: true })];
    const best = new Set(ids(exact));
    found += near.filter(({ video }) => best.has(video.id)).length;
    const again = exact.find(({ video }) => video.id === near[0].video.id)!;
    expect(near[0].score).toBeCloseTo(again.score, 5); // refined: the cosine itself, not that of its bytes
  }
  expect(found / 200).toBeGreaterThan(0.98);

  const [late] = randomVectors(1, 16, 3);
  await index.add([{ id: 'late', vectors: [{ model: 'video', hash: HASH, values: late }] }]);
  const query = { vectors: [{ model: 'video', hash: HASH, values: late }], limit: 1 };
  expect(ids(await index.search(query))).toEqual(['late']);
  await index.remove(['late']);
  expect(ids(await index.search(query))).not.toEqual(['late']);
  await index.compact({ keepMs: 0 });
  expect((await index.stats()).models[0]).toMatchObject({ vectors: 3000, search: 'approximate' });
  expect(ids(await index.search({ words: '999' }))).toEqual(['999']);
  await rm(folder, { recursive: true, force: true });
});

it('takes many videos in few changes, and slow ones without waiting for others', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'wbdc-many-'));
  await using index = await openIndex(folder, { create: true });
  const before = (await index.stats()).version;
  const written: number[] = [];
  const rows = Array.from({ length: 6000 }, (_, i) => ({ id: `v${i}` }));
  await index.add(rows, { onAdded: (ids) => written.push(ids.length) });
  expect(written.slice(0, 2)).toEqual([256, 256]);
  expect(written.reduce((sum, count) => sum + count, 0)).toBe(6000);
  expect(written.length).toBeLessThan(11); // 24 of 256 each
  expect((await index.stats()).version - before).toBeLessThan(written.length + 6);
  expect((await index.get(['v0', 'v5999'])).map(({ id }) => id)).toEqual(['v0', 'v5999']);
  await rm(folder, { recursive: true, force: true });
});

it('keeps an index of words that is larger than what is written at once, on any number of cores', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'wbdc-words-'));
  await using index = await openIndex(folder, { create: true });
  const ideograph = (i: number, k: number) => String.fromCodePoint(0x4e00 + ((i * 31 + k * k * 17) % 4000));
  const asr = (i: number) => Array.from({ length: 150 }, (_, k) => ideograph(i, k)).join('');
  await index.add(Array.from({ length: 3000 }, (_, i) => ({ id: `v${i}`, asr: asr(i) })));
  expect(await index.search({ words: asr(77), limit: 1 })).toMatchObject([{ video: { id: 'v77' } }]);
  await rm(folder, { recursive: true, force: true });
}, 60_000);
