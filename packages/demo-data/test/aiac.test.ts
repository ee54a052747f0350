import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DataError, readAiacVideos, readAnnotations, readLabels, readTagList } from '@wbdc/data';
import type { AiacVideo, FeatureSource, Video } from '@wbdc/data';
import { floats } from '@wbdc/nn';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildDemoAiac, buildDemo } from '../src/index.js';
import type { DemoAiacSummary } from '../src/index.js';
import { makeItems } from '../src/items.js';
import { planDemo } from '../src/plan.js';
import { englishWords, gradedSimilarity, labelPairs } from '../src/similarity.js';
import { readSources } from '../src/sources.js';

const WIDTH = 7;

let root: string;
let summary: DemoAiacSummary;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'wbdc-aiac-'));
  await buildDemo({ folder: join(root, 'data'), seed: 5, items: 60, imageSize: 17, minTagItems: 2 });
  summary = await buildDemoAiac({ data: join(root, 'data'), features: sources(), folder: join(root, 'aiac'), seed: 5 });
});

afterAll(() => rm(root, { recursive: true, force: true }));

describe('the AIAC layout of the demo data', () => {
  it('holds the same videos, with integer tags and the given features', async () => {
    const videos = await readVideos('pairwise/pairwise.tfrecords');
    const annotated = await collect(readAnnotations(join(root, 'data/annotations/labeled.json')));
    expect(videos.map(({ id, title, asr, categoryId }) => ({ id, title, asr, categoryId }))).toEqual(
      annotated.map(({ id, title, asr, categoryId }: Video) => ({ id, title, asr, categoryId })),
    );
    expect(videos[0].frames).toEqual(framesOf(videos[0].id));
    expect(videos.map(({ tags }) => tags?.length)).toEqual(annotated.map(({ tags }) => tags?.length));
    expect(summary.videos.pairwise).toBe(videos.length);
    expect(summary.width).toBe(WIDTH);
  });

  it('lists tag ids that occur, and gives none to the held-out videos', async () => {
    const ids = await readTagList(join(root, 'aiac/tag_list.txt'));
    const used = new Set((await readVideos('pointwise/pretrain_0.tfrecords')).flatMap(({ tags }) => tags ?? []));
    expect(ids.length).toBe(summary.tags);
    expect(ids.filter((id) => used.has(id)).length).toBeGreaterThan(5);
    for (const { tags, categoryId } of await readVideos('test_a/test_a.tfrecords')) {
      expect([tags, categoryId]).toEqual([undefined, undefined]);
    }
  });

  it('labels pairs within a split, in twentieths', async () => {
    for (const folder of ['pairwise', 'test_a'] as const) {
      const own = new Set((await readVideos(`${folder}/${folder}.tfrecords`)).map(({ id }) => id));
      const pairs = await readLabels(join(root, 'aiac', folder, 'label.tsv'), { has: (id) => own.has(id) });
      expect(pairs.length).toBe(summary.pairs[folder]);
      for (const { id1, id2, score } of pairs) {
        expect(id1 < id2).toBe(true);
        expect(score * 20).toBeCloseTo(Math.round(score * 20), 9);
      }
    }
  });

  it('refuses a video without features, and leaves nothing behind', async () => {
    const folder = join(root, 'broken');
    const features = {
      ...sources(),
      test_a: { ...source(), read: () => Promise.reject(new DataError('no features')) },
    };
    await expect(buildDemoAiac({ data: join(root, 'data'), features, folder, seed: 5 })).rejects.toThrow('no features');
    expect([existsSync(folder), existsSync(`${folder}.partial`)]).toEqual([false, false]);
  });
});

describe('similarity labels', () => {
  const item = (id: string, categoryId: string, ...words: string[]) => ({ id, categoryId, words: new Set(words) });
  const cat = item('cat', '0300', 'cat', 'pet');
  const dog = item('dog', '0300', 'dog', 'pet');
  const ant = item('ant', '0305', 'ant');
  const bus = item('bus', '0500', 'bus');
  const similarity = gradedSimilarity([cat, dog, ant, bus]);

  it('weigh rare words more, add subgroup and group, and round to twentieths', () => {
    // idf: cat, dog ln 4; pet ln 2. cos = ln2^2 / (ln4^2 + ln2^2) = 1 / 5; 0.6 / 5 + 0.3 + 0.1 = 0.52
    expect(similarity(cat, dog)).toBe(0.5);
    expect(similarity(cat, cat)).toBe(1);
    expect(similarity(cat, ant)).toBe(0.1);
    expect(similarity(cat, bus)).toBe(0);
  });

  it('spread over the whole range on the real held-out items, a good part of them near and far', () => {
    const real = readSources();
    const words = englishWords(real);
    const heldOut = planDemo(makeItems(real), { seed: 1, variants: 0 }).test_a.map(({ id, key, categoryId }) => ({
      ...{ id, categoryId },
      words: words.get(key)!,
    }));
    const scores = labelPairs(heldOut, gradedSimilarity(heldOut), { seed: 1, neighbours: 6 }).map(({ score }) => score);
    expect(new Set(scores).size).toBeGreaterThan(12);
    expect(scores.filter((score) => score >= 0.4).length / scores.length).toBeGreaterThan(0.15);
    expect(scores.filter((score) => score === 0).length / scores.length).toBeGreaterThan(0.3);
  });

  it('choose the nearest and random others, each pair once, never an item with itself', () => {
    const pairs = labelPairs([cat, dog, ant, bus], similarity, { seed: 3, neighbours: 1 });
    expect(pairs).toContainEqual({ id1: 'cat', id2: 'dog', score: 0.5 });
    expect(new Set(pairs.map(({ id1, id2 }) => `${id1} ${id2}`)).size).toBe(pairs.length);
    for (const { id1, id2 } of pairs) expect(id1).not.toBe(id2);
    expect(labelPairs([cat, dog, ant, bus], similarity, { seed: 3, neighbours: 9 })).toHaveLength(6);
  });
});

function readVideos(file: string): Promise<AiacVideo[]> {
  return collect(readAiacVideos(join(root, 'aiac', file), { width: WIDTH }));
}

/** Features that tell videos apart and survive float16. */
function framesOf(id: string) {
  return floats(
    [2, WIDTH],
    Float32Array.from({ length: 2 * WIDTH }, (_, i) => Number(id.slice(-2)) + i),
  );
}

function source(): FeatureSource {
  const nothing = () => Promise.resolve();
  return { width: WIDTH, size: 1, has: () => true, read: (id) => Promise.resolve(framesOf(id)), close: nothing };
}

function sources() {
  return { unlabeled: source(), labeled: source(), test_a: source() };
}

async function collect<T>(values: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const value of values) all.push(value);
  return all;
}
