import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { mineHardNegatives, openIndex, type IndexRow, type MineOptions, type VideoIndex } from '@wbdc/search';

const MODEL = { name: 'video', hash: '0123456789abcdef', width: 3 };
const OTHER_HASH = 'fedcba9876543210';

let folder: string;
beforeAll(async () => void (folder = await mkdtemp(join(tmpdir(), 'wbdc-index-'))));
afterAll(() => rm(folder, { recursive: true, force: true }));

const vector = (...values: number[]) => ({ model: 'video', hash: MODEL.hash, values });
let made = 0;

/** A new index with these rows. */
async function indexWith(rows: readonly IndexRow[], options = {}): Promise<VideoIndex> {
  const index = await openIndex(join(folder, `index-${made++}`), { create: true, ...options });
  await index.addModel(MODEL);
  await index.add(rows);
  return index;
}

const ROWS: IndexRow[] = [
  {
    ...{
      id: 'a',
      path: '/v/a.mp4',
      title: '雨中的猫',
      ocr: '喵',
      asr: '',
      categories: ['02', '0203'],
      tags: ['猫', '雨'],
    },
    ...{ time: new Date('2024-01-01T00:00:00Z'), thumbnail: Uint8Array.of(1, 2, 3), vectors: [vector(2, 0, 0)] },
  },
  { id: 'b', title: '晴天的狗', categories: ['02', '0204'], tags: ['狗'], vectors: [vector(1, 1, 0)] },
  { id: 'c', title: '美食 noodles', tags: ['猫'], time: new Date('2025-01-01T00:00:00Z'), vectors: [vector(0, 0, 1)] },
  { id: "d'; --", title: '没有向量的猫' },
];

const ids = (hits: readonly { readonly video: { readonly id: string } }[]) => hits.map(({ video }) => video.id);

describe('search', () => {
  let index: VideoIndex;
  beforeAll(async () => void (index = await indexWith(ROWS)));
  afterAll(() => index.close());

  it('ranks by cosine, and leaves out what has no vector', async () => {
    const hits = await index.search({ vectors: [vector(5, 0, 0)] });
    expect(ids(hits)).toEqual(['a', 'b', 'c']);
    const cosines = [1, Math.SQRT1_2, 0];
    hits.forEach(({ score }, i) => expect(score).toBeCloseTo(cosines[i], 6));
    expect(hits[1].ranks['video']).toEqual({ rank: 2, score: hits[1].score });
  });

  it('tells all of a video but its vectors and picture', async () => {
    const [{ video }] = await index.search({ vectors: [vector(1, 0, 0)], limit: 1 });
    expect({ ...ROWS[0], ...video }).toEqual(ROWS[0]);
    expect(Object.keys(video)).toHaveLength(8);
    expect((await index.get(['c', 'nobody', 'b'])).map(({ id, time }) => [id, time?.getFullYear()])).toEqual([
      ['c', 2025],
      ['b', undefined],
    ]);
  });

  it('finds words of any field, pairs of characters before single ones', async () => {
    expect(ids(await index.search({ words: '雨中的猫' }))[0]).toBe('a');
    expect(ids(await index.search({ words: '喵' }))).toEqual(['a']);
    expect(ids(await index.search({ words: 'NOODLES' }))).toEqual(['c']);
    expect(ids(await index.search({ words: '猫' })).sort()).toEqual(['a', "d'; --"]);
    expect(await index.search({ words: '。！' })).toEqual([]);
  });

  it('ranks by words across what is in the index of words and what came after', async () => {
    await using fresh = await indexWith(Array.from({ length: 50 }, (_, i) => ({ id: `old-${i}`, title: `猫 第${i}` })));
    await fresh.compact();
    await fresh.add([
      { id: 'new', title: '黑猫 黑猫' },
      { id: 'newer', title: '猫 和别的很多很多很多很多很多很多字' },
    ]);
    expect(ids(await fresh.search({ words: '黑猫', limit: 1 }))).toEqual(['new']);
    expect(ids(await fresh.search({ words: '猫', limit: 60 }))).toHaveLength(52);
    const hits = await fresh.search({ words: '猫', limit: 60 });
    expect(hits.map(({ score }) => score)).toEqual(hits.map(({ score }) => score).sort((a, b) => b - a));
  });

  it('fuses words and vectors', async () => {
    const hits = await index.search({ words: '美食', vectors: [vector(1, 0.5, 0)] });
    expect(ids(hits)[0]).toBe('c'); // third by its vector, first and alone by its words
    expect(hits[0].ranks).toMatchObject({ words: { rank: 1 }, video: { rank: 3 } });
    expect(hits[0].score).toBeCloseTo(1 / 61 + 1 / 63, 10);
  });

  it.each([
    [{ categories: ['0203'] }, ['a']],
    [{ categories: ['0203', '0204'] }, ['a', 'b']],
    [{ tags: ['猫'] }, ['a', 'c']],
    [{ tags: ['猫', '雨'] }, ['a']],
    [{ after: new Date('2024-06-01') }, ['c']],
    [{ before: new Date('2024-06-01') }, ['a']],
    [{ exceptIds: ['a'] }, ['b', 'c']],
    [{ ids: ['c', "d'; --"] }, ['c']],
    [{ ids: [] }, []],
    [{ tags: ["' OR true --"] }, []],
  ])('filters by %o', async (filter, expected) => {
    expect(ids(await index.search({ vectors: [vector(1, 0, 0)], filter }))).toEqual(expected);
  });

  it('filters words too', async () => {
    expect(ids(await index.search({ words: '猫', filter: { tags: ['雨'] } }))).toEqual(['a']);
  });

  it('goes on where it stopped', async () => {
    expect(ids(await index.search({ vectors: [vector(1, 0, 0)], limit: 1, offset: 1 }))).toEqual(['b']);
  });

  it.each([
    [{}, 'vectors or words'],
    [{ words: 'x', limit: 0 }, 'limit from 1'],
    [{ words: 'x', limit: 1e9 }, 'at most 10000'],
    [{ words: 'x', offset: -1 }, 'offset from 0'],
    [{ words: 'x', filter: { after: new Date('never') } }, 'filter.after: expected a time'],
    [{ vectors: [vector(1, 2)] }, "vector 'video': expected 3 values, got 2"],
    [{ vectors: [vector(0, 0, 0)] }, 'got zeros alone'],
    [{ vectors: [vector(1, NaN, 0)] }, 'got NaN'],
    [{ vectors: [{ ...vector(1, 0, 0), hash: OTHER_HASH }] }, `got those of ${OTHER_HASH}`],
    [{ vectors: [{ ...vector(1, 0, 0), model: 'clip' }] }, "vectors 'clip', got video"],
  ])('refuses %o', async (query, message) => {
    await expect(index.search(query)).rejects.toThrow(message);
  });

  it('gives pictures, vectors and counts', async () => {
    expect(await index.thumbnail('a')).toEqual(Uint8Array.of(1, 2, 3));
    expect(await index.thumbnail('b')).toBeUndefined();
    expect(Array.from((await index.vector('b', 'video'))!.values, (x) => x.toFixed(3))).toEqual([
      '0.707',
      '0.707',
      '0.000',
    ]);
    expect(await index.vector("d'; --", 'video')).toBeUndefined();
    expect(await index.facets()).toEqual({
      categories: [
        { name: '02', count: 2 },
        { name: '0203', count: 1 },
        { name: '0204', count: 1 },
      ],
      tags: [
        { name: '猫', count: 2 },
        { name: '狗', count: 1 },
        { name: '雨', count: 1 },
      ],
    });
    expect(await index.stats()).toMatchObject({
      videos: 4,
      models: [{ ...MODEL, vectors: 3, indexed: 0, search: 'exact' }],
    });
  });
});

describe('changes', () => {
  it('changes what a row gives and leaves the rest', async () => {
    await using index = await indexWith(ROWS);
    expect(
      await index.add([
        { id: 'a', tags: ['新'] },
        { id: 'e', title: '一' },
        { id: 'e', asr: '二' },
      ]),
    ).toEqual({
      added: 1,
      updated: 1,
    });
    const [a, e] = await index.get(['a', 'e']);
    expect(a).toMatchObject({ title: '雨中的猫', tags: ['新'], categories: ['02', '0203'], path: '/v/a.mp4' });
    expect(e).toMatchObject({ title: '一', asr: '二' });
    expect(await index.thumbnail('a')).toEqual(Uint8Array.of(1, 2, 3));
    expect(ids(await index.search({ vectors: [vector(1, 0, 0)], limit: 1 }))).toEqual(['a']);
    await index.add([{ id: 'a', title: '海边' }]);
    expect(ids(await index.search({ words: '海边' }))).toEqual(['a']);
    expect(ids(await index.search({ words: '雨中' }))).toEqual([]);
  });

  it('removes, and says how many were there', async () => {
    await using index = await indexWith(ROWS);
    expect(await index.remove(['a', 'nobody', "d'; --"])).toBe(2);
    expect(ids(await index.search({ words: '猫狗美食' })).sort()).toEqual(['b', 'c']);
  });

  it('holds vectors of several models, and takes one away', async () => {
    await using index = await indexWith(ROWS);
    await index.addModel({ name: 'clip', hash: OTHER_HASH, width: 2 });
    await index.addModel({ name: 'clip', hash: OTHER_HASH, width: 2 });
    await index.add([{ id: 'c', vectors: [{ model: 'clip', hash: OTHER_HASH, values: [0, 1] }] }]);
    const both = await index.search({
      vectors: [vector(1, 0, 0), { model: 'clip', hash: OTHER_HASH, values: [0, 1] }],
    });
    expect(both.find(({ video }) => video.id === 'c')!.ranks).toMatchObject({ video: { rank: 3 }, clip: { rank: 1 } });
    await index.removeModel('video');
    expect(index.models.map(({ name }) => name)).toEqual(['clip']);
    await expect(index.removeModel('video')).rejects.toThrow("expected vectors 'video', got clip");
  });

  it('refuses vectors of other weights, whole batches at a time', async () => {
    await using index = await indexWith([]);
    await expect(index.addModel({ ...MODEL, hash: OTHER_HASH })).rejects.toMatchObject({ code: 'model-other' });
    const rows = [{ id: 'x' }, { id: 'y', vectors: [{ ...vector(1, 2, 3), hash: OTHER_HASH }] }];
    await expect(index.add(rows)).rejects.toMatchObject({ code: 'model-other', where: 'y' });
    expect((await index.stats()).videos).toBe(0);
  });

  it.each([
    [{ id: '' }, 'expected text of 1 to 1,024'],
    [{ id: 'x'.repeat(2000) }, '(2000 characters)'],
    [{ id: 'a\0b' }, 'expected text'],
    [{ id: 'x', time: new Date('never') }, 'expected a time'],
    [{ id: 'x', tags: 'a,b' as unknown as string[] }, 'expected a list of texts'],
    [{ id: 'x', title: 3 as unknown as string }, 'x: title: expected text, got number'],
  ])('refuses the row %o', async (row, message) => {
    await using index = await indexWith([]);
    await expect(index.add([row])).rejects.toThrow(message);
  });

  it.each([
    [{ ...MODEL, name: 'a b' }, 'model name'],
    [{ ...MODEL, hash: 'xyz' }, 'model hash'],
    [{ ...MODEL, width: 0 }, 'model width'],
  ])('refuses the model %o', async (model, message) => {
    await using index = await indexWith([]);
    await expect(index.addModel(model)).rejects.toThrow(message);
  });

  it('stays what it was through any text', async () => {
    await using index = await indexWith([]);
    const odd = ["it's", '"quoted"', 'back\\slash', 'line\nbreak', '%_', '\u{1F600}', '\u202e', 'x'.repeat(1024)];
    await index.add(odd.map((id) => ({ id, title: id, tags: [id] })));
    for (const id of odd) {
      expect((await index.get([id]))[0]).toMatchObject({ id, title: id, tags: [id] });
      expect(ids(await index.search({ words: 'x 😀 back line it', filter: { tags: [id] } })).length).toBeLessThan(2);
    }
    expect(await index.remove(odd)).toBe(odd.length);
  });

  it('writes no batch after it is told to stop', async () => {
    await using index = await indexWith([]);
    const stop = new AbortController();
    const added: string[] = [];
    const rows = Array.from({ length: 10 }, (_, i) => ({ id: String(i) }));
    const adding = index.add(rows, {
      batchSize: 2,
      signal: stop.signal,
      onAdded: (batch) => {
        added.push(...batch);
        if (added.length === 4) stop.abort(new Error('enough'));
      },
    });
    await expect(adding).rejects.toThrow('enough');
    expect(added).toEqual(['0', '1', '2', '3']);
    expect((await index.stats()).videos).toBe(4);
  });

  it('is seen by other processes at once, and keeps what two of them write', async () => {
    await using one = await indexWith([]);
    await using two = await openIndex(one.where);
    await Promise.all([
      one.add(
        Array.from({ length: 20 }, (_, i) => ({ id: `one-${i}` })),
        { batchSize: 5 },
      ),
      two.add(
        Array.from({ length: 20 }, (_, i) => ({ id: `two-${i}` })),
        { batchSize: 5 },
      ),
    ]);
    expect((await one.stats()).videos).toBe(40);
    expect((await two.stats()).videos).toBe(40);
  });
});

describe('mineHardNegatives', () => {
  let index: VideoIndex;
  /** By their angle to the first one, in degrees; the last has no vector. */
  const ANGLES = { query: 0, twin: 5, near: 20, clicked: 40, also: 42, hard: 50, harder: 44, far: 90 };
  beforeAll(async () => {
    const at = (angle: number) => vector(Math.cos((angle * Math.PI) / 180), Math.sin((angle * Math.PI) / 180), 0);
    const rows = Object.entries(ANGLES).map(([id, angle]) => ({ id, vectors: [at(angle)] }));
    index = await indexWith([...rows, { id: 'mute' }]);
  });
  afterAll(() => index.close());
  const pairs = [
    { left: 'query', right: 'clicked' },
    { left: 'also', right: 'query' },
    { left: 'query', right: 'mute' },
  ];
  const mined = async (options: Partial<MineOptions>) => {
    const all = [];
    for await (const one of mineHardNegatives(index, pairs, { model: 'video', ...options })) all.push(one.negatives);
    return all;
  };

  it('takes nothing nearer than a right answer that looks the other way', async () => {
    const pair = [{ left: 'far', right: 'behind' }];
    const at = (angle: number) => vector(Math.cos((angle * Math.PI) / 180), Math.sin((angle * Math.PI) / 180), 0);
    // cos 120 is -0.5: 118 degrees are nearer, 135 are less similar by the margin.
    const rows = Object.entries({ far: 0, behind: 120, nearer: 118, beyond: 135 });
    const other = await indexWith(rows.map(([id, angle]) => ({ id, vectors: [at(angle)] })));
    const found = [];
    for await (const one of mineHardNegatives(other, pair, { model: 'video' })) found.push(one.negatives);
    expect(found).toEqual([['beyond']]);
    await other.close();
  });

  it('gives the nearest that are no partners, and less similar than the right answer by a margin', async () => {
    // cos 40 is 0.766; 95 % of it is the cosine of 43.3 degrees.
    expect(await mined({ count: 2 })).toEqual([['harder', 'hard'], ['far'], []]);
    const [first] = await mined({});
    expect(first).toEqual(['harder', 'hard', 'far']);
    // Without a margin what is nearer than the right answer still is none: perhaps nobody has clicked it yet.
    expect((await mined({ relativeMargin: 0 }))[0]).toEqual(['harder', 'hard', 'far']);
    expect((await mined({ relativeMargin: 0.2 }))[0]).toEqual(['far']);
    expect((await mined({ skip: 3 }))[0]).toEqual(['hard', 'far']);
    expect((await mined({ among: (id) => id !== 'harder' }))[0]).toEqual(['hard', 'far']);
  });

  it('says what makes no sense', async () => {
    await expect(mined({ count: 0 })).rejects.toThrow('expected count from 1, skip from 0, a margin in [0, 1)');
    await expect(mined({ model: 'text' })).rejects.toThrow("expected vectors 'text', got video");
    const stopped = { signal: AbortSignal.abort(new Error('enough')) };
    await expect(mined(stopped)).rejects.toThrow('enough');
  });
});
