import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { nearest, readCollection } from '../../src/node.js';

const model = { hash: 'abcd', saved: { kind: 'similarity', head: { outputs: 2 } } } as Parameters<
  typeof readCollection
>[1];
let folder: string;
beforeEach(async () => void (folder = await mkdtemp(join(tmpdir(), 'wbdc-collection-'))));
afterEach(() => rm(folder, { recursive: true }));

async function read(embedding: readonly number[]) {
  const path = join(folder, 'all.jsonl');
  await writeFile(path, `${JSON.stringify({ id: 'a', model: 'abcd', embedding })}\n`);
  return readCollection(path, model);
}

it.each([
  [[0.672, 0.896], '1.12'],
  [[1e300, 1e300], '1.41e+300'],
  [[0, 0], '0.00'],
])('refuses a vector that is no embedding: %j', async (embedding, length) => {
  const message = `all.jsonl: line 1: expected an embedding of length 1, got one of ${length}: embed it again`;
  await expect(read(embedding)).rejects.toThrow(message);
});

it('has a video once, and refuses one with two embeddings', async () => {
  const path = join(folder, 'all.jsonl');
  const lines = (...embeddings: number[][]): string =>
    embeddings.map((embedding) => `${JSON.stringify({ id: 'a', model: 'abcd', embedding })}\n`).join('');
  await writeFile(path, lines([0, 1], [0, 1]));
  expect(await readCollection(path, model)).toHaveLength(1);
  await writeFile(path, lines([0, 1], [1, 0]));
  const message = `${path}: line 2: expected every id once, got a with two embeddings`;
  await expect(readCollection(path, model)).rejects.toThrow(message);
});

it('gives cosines, which rounding does not lead out of their range', async () => {
  const collection = await read([0.600001, 0.800001]);
  expect(nearest([0.6, 0.8], collection, 1)).toEqual([{ id: 'a', score: 1 }]);
});
