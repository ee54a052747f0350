import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createMemoryIndex, loadMemoryIndex, openIndex } from '@wbdc/search';
import { randomVectors, recordsOf } from './vectors.js';

const HASH = '0123456789abcdef';
const MODEL = { name: 'video', hash: HASH, width: 16 };
const of = (values: ArrayLike<number>, hash = HASH) => ({ model: 'video', hash, values });
const rowsOf = (vectors: readonly Float32Array[]) => vectors.map((values, i) => ({ id: String(i), values }));

describe('memory', () => {
  it('finds what comparing all vectors finds, with their cosines', async () => {
    const vectors = randomVectors(3000, 16, 1);
    const memory = await createMemoryIndex(MODEL);
    expect(memory.search(of(vectors[0]))).toEqual([]);
    await memory.add(rowsOf(vectors));
    expect(memory.size).toBe(3000);
    let found = 0;
    for (const query of randomVectors(20, 16, 2)) {
      const all = vectors.map((vector, i) => ({ id: String(i), score: cosine(query, vector) }));
      const best = new Map(all.sort((a, b) => b.score - a.score).map(({ id, score }) => [id, score]));
      const top = new Set([...best.keys()].slice(0, 10));
      const hits = memory.search(of(query));
      found += hits.filter(({ id }) => top.has(id)).length;
      for (const { id, score } of hits) expect(score).toBeCloseTo(best.get(id)!, 3.5);
      expect(hits.map(({ score }) => score)).toEqual(hits.map(({ score }) => score).sort((a, b) => b - a));
    }
    expect(found / 200).toBeGreaterThan(0.98);
  });

  it('changes and takes away', async () => {
    const [a, b, c] = randomVectors(3, 16, 3);
    const memory = await createMemoryIndex(MODEL, { threads: 1 });
    await memory.add([...rowsOf([a, b]), { id: '0', values: c }]);
    expect(memory.size).toBe(2);
    expect(memory.search(of(c), 1)[0]).toMatchObject({ id: '0', score: expect.closeTo(1, 4) as number });
    expect(memory.remove(['0', 'nothing'])).toBe(1);
    expect(memory.search(of(c)).map(({ id }) => id)).toEqual(['1']);
    await memory.add([{ id: 'new', values: a }]);
    expect(memory.search(of(a), 1)).toEqual([{ id: 'new', score: expect.closeTo(1, 4) as number }]);
  });

  it('refuses what is of another model, or none', async () => {
    const memory = await createMemoryIndex(MODEL);
    const [a] = randomVectors(1, 16, 4);
    expect(() => memory.search(of(a, 'fedcba9876543210'))).toThrow(expect.objectContaining({ code: 'model-other' }));
    expect(() => memory.search(of(a), 0)).toThrow('limit from 1 to 10,000');
    await expect(memory.add([{ id: 'x', values: [1, 2] }])).rejects.toMatchObject({ code: 'row' });
    await expect(memory.add([{ id: '', values: a }])).rejects.toMatchObject({ code: 'row' });
    expect(memory.size).toBe(0);
    await expect(createMemoryIndex({ ...MODEL, width: 0 })).rejects.toMatchObject({ code: 'query' });
  });

  it('holds the vectors that an index keeps', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'wbdc-memory-'));
    await using index = await openIndex(folder, { create: true });
    await index.addModel(MODEL);
    const vectors = randomVectors(50, 16, 5);
    await index.add([...recordsOf(vectors, HASH), { id: 'words alone', title: '没有向量' }]);
    await expect(loadMemoryIndex(index, 'other')).rejects.toMatchObject({ code: 'model-missing' });
    const told: number[] = [];
    const memory = await loadMemoryIndex(index, 'video', { onProgress: (count) => told.push(count) });
    expect([memory.size, told.at(-1)]).toEqual([50, 50]);
    const query = of(vectors[7]);
    const near = memory.search(query, 5);
    const all = await index.search({ vectors: [query], limit: 5 });
    expect(near.map(({ id }) => id)).toEqual(all.map(({ video }) => video.id));
    await rm(folder, { recursive: true, force: true });
  });
});

function cosine(a: Float32Array, b: Float32Array): number {
  const dot = (x: Float32Array, y: Float32Array): number => x.reduce((sum, value, i) => sum + value * y[i], 0);
  return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
}
