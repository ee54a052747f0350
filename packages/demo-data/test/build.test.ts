import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { wbdcLayout, readAnnotations, readTagList } from '@wbdc/data';
import type { Video } from '@wbdc/data';
import { decodeImage, readFrameZip } from '@wbdc/video-features';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildDemo, DEMO_SPLITS } from '../src/index.js';
import type { DemoSplit, DemoSummary } from '../src/index.js';
import { drawFrames } from '../src/images.js';
import { makeItems, nameCategories, videoId } from '../src/items.js';
import { planDemo, rankTags } from '../src/plan.js';
import { readSources } from '../src/sources.js';
import { DEMO_SHARES } from '../src/splits.js';

const SLICE = { seed: 5, items: 60, imageSize: 37, minTagItems: 2 };

let root: string;
let folder: string;
let summary: DemoSummary;
const records = {} as Record<DemoSplit, Video[]>;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'wbdc-demo-'));
  folder = join(root, 'a');
  summary = await buildDemo({ ...SLICE, folder });
  for (const split of DEMO_SPLITS) {
    records[split] = await collect(readAnnotations(join(folder, 'annotations', `${split}.json`)));
  }
});

afterAll(() => rm(root, { recursive: true, force: true }));

describe('the written folder', () => {
  it('is read by readAnnotations and holds what the summary says', async () => {
    for (const split of DEMO_SPLITS) expect(records[split].length).toBe(summary.splits[split].videos);
    expect(summary.splits.unlabeled.items + summary.splits.labeled.items + summary.splits.test_a.items).toBe(60);
    expect(JSON.parse(await readFile(join(folder, 'summary.json'), 'utf8'))).toEqual(summary);
  });

  it('labels the labelled split only, and keeps the held-out truth apart', async () => {
    const categories = JSON.parse(await readFile(join(folder, 'categories.json'), 'utf8')) as Record<string, unknown>;
    const truth = (await readFile(join(folder, 'annotations', 'test_a_truth.csv'), 'utf8')).trimEnd().split('\n');
    const labels = records.labeled.map(({ categoryId }) => categoryId!);
    expect(truth.map((line) => line.split(',')[0])).toEqual(records.test_a.map(({ id }) => id));
    for (const id of [...labels, ...truth.map((line) => line.split(',')[1])]) expect(categories).toHaveProperty(id);
    for (const { categoryId } of [...records.unlabeled, ...records.test_a]) expect(categoryId).toBeUndefined();
  });

  it('has a zip of decodable frames for every video, at least one for each second of ocr', async () => {
    let frames = 0;
    for (const split of DEMO_SPLITS) {
      for (const { id, ocr } of records[split]) {
        const files = await readFrameZip(wbdcLayout(folder).frameZip(split, id));
        frames += files.length;
        expect(Math.max(0, ...ocr.map(({ time }) => time))).toBeLessThan(files.length);
        const { width, height } = await decodeImage(files[0].bytes);
        expect([width, height]).toEqual([37, 37]);
      }
    }
    expect(frames).toBe(summary.frames);
  });

  it('lists training tags by falling number of items', async () => {
    const tags = await readTagList(join(folder, 'tag_list.txt'));
    const known = new Set([...records.unlabeled, ...records.labeled].flatMap(({ tags: own }) => own ?? []));
    expect(tags.length).toBe(summary.tags);
    expect(tags.length).toBeGreaterThan(5);
    for (const tag of tags) expect(known).toContain(tag);
  });

  it('names the licences of the art and shows ten samples', async () => {
    const licences = await readFile(join(folder, 'LICENSES.md'), 'utf8');
    for (const term of ['CC-BY 4.0', 'CC-BY-SA 4.0', 'MIT', 'Unicode-3.0']) expect(licences).toContain(term);
    const page = await readFile(join(folder, 'index.html'), 'utf8');
    expect(page.match(/<article/g)).toHaveLength(10);
    expect(page).not.toMatch(/(src|href)="(?!data:)/);
  });
});

describe('building', () => {
  it('gives the same bytes again, and other splits with another seed', async () => {
    await buildDemo({ ...SLICE, folder: join(root, 'b') });
    expect(await fingerprint(join(root, 'b'))).toEqual(await fingerprint(folder));
    const { items, plan } = planAll(6);
    expect(planDemo(items, { seed: 7, variants: 5 }).test_a).not.toEqual(plan.test_a);
  });

  it('refuses an existing folder and leaves it alone', async () => {
    const mine = join(root, 'mine');
    await mkdir(mine);
    await expect(buildDemo({ ...SLICE, folder: mine })).rejects.toThrow(/exists: remove it/);
    expect(await readdir(mine)).toEqual([]);
  });

  it('leaves nothing behind when it is interrupted', async () => {
    const control = new AbortController();
    const stopped = join(root, 'stopped');
    const onProgress = ({ done }: { done: number }): void =>
      done === 3 ? control.abort(new Error('stop')) : undefined;
    await expect(buildDemo({ ...SLICE, folder: stopped, onProgress, signal: control.signal })).rejects.toThrow('stop');
    expect([existsSync(stopped), existsSync(`${stopped}.partial`)]).toEqual([false, false]);
  });

  it('replaces what a crash left and refuses numbers out of range', async () => {
    const again = join(root, 'again');
    await mkdir(join(again + '.partial', 'zip_frames', 'old'), { recursive: true });
    await buildDemo({ ...SLICE, items: 11, folder: again });
    expect(await readdir(join(again, 'zip_frames'))).not.toContain('old');
    await expect(buildDemo({ ...SLICE, imageSize: 3, folder: join(root, 'c') })).rejects.toThrow(/imageSize.*got 3/);
  });
});

describe('all items', () => {
  it('have unique ids of 19 or 20 digits that never change', () => {
    const ids = planAll().items.flatMap(({ videos }) => videos.map(({ id }) => id));
    expect(new Set(ids).size).toBe(ids.length);
    for (const id of ids) expect(id).toMatch(/^[1-9]\d{18,19}$/);
    expect(videoId('1F44B')).toBe('10401703919877984234');
  });

  it('never stand in two splits, nor do their skin variants or families', () => {
    const { items, plan } = planAll();
    const familyOf = new Map(items.flatMap(({ family, videos }) => videos.map(({ id }) => [id, family])));
    const splitOf = new Map<string, DemoSplit>();
    for (const split of DEMO_SPLITS) {
      for (const { id, baseKey } of plan[split]) {
        for (const group of [familyOf.get(id)!, baseKey]) {
          expect(splitOf.get(group) ?? split).toBe(split);
          splitOf.set(group, split);
        }
      }
    }
    expect(familyOf.get(videoId('1F468-1F3FD-200D-1F680'))).toBe(familyOf.get(videoId('1F9D1-200D-1F680')));
    expect(plan.unlabeled.some(({ key, baseKey }) => key !== baseKey)).toBe(true);
  });

  it('are shared out by category: about 60, 25 and 15 per cent, and nothing held out that is never labelled', () => {
    const { items, plan } = planAll();
    for (const split of DEMO_SPLITS) {
      const share = plan[split].filter(({ key, baseKey }) => key === baseKey).length / items.length;
      expect(Math.abs(share - DEMO_SHARES[split])).toBeLessThan(0.02);
    }
    const labelled = new Set(plan.labeled.map(({ categoryId }) => categoryId));
    for (const { categoryId } of plan.test_a) expect(labelled).toContain(categoryId);
  });

  it('never show a tag in their title', () => {
    for (const { videos } of planAll().items) {
      for (const { title, tags } of videos)
        for (const tag of tags) expect(title.toLowerCase()).not.toContain(tag.toLowerCase());
    }
  });

  it('are named in both languages by the category they are in', () => {
    const names = nameCategories(sources);
    const clock = planAll().items.find(({ key }) => key === '1F555')!;
    expect(names[clock.categoryId]).toEqual({
      group: { key: 'travel-places', zh: '旅遊地點', en: 'travel & places' },
      subgroup: { key: 'time', zh: '时间', en: 'time' },
    });
    expect(Object.keys(names)).toHaveLength(100);
  });

  it('are drawn on white by all vendors', async () => {
    const face = planAll().items.find(({ key }) => key === '1F600')!.videos[0];
    const files = await drawFrames(face.drawings, 41);
    expect(files.map(({ name }) => name)).toEqual([
      '0-fluent.jpg',
      '1-twemoji.jpg',
      '2-openmoji.jpg',
      '3-openmoji-black.jpg',
    ]);
    for (const { bytes } of files) {
      const { data } = await decodeImage(bytes);
      expect(Math.min(...data.subarray(0, 9))).toBeGreaterThan(235);
      expect(Math.min(...data)).toBeLessThan(128);
    }
  });

  it('count once for a tag, whatever the number of their skin variants', () => {
    const { items } = planAll();
    const without = rankTags(planDemo(items, { seed: 5, variants: 0 }), 3);
    expect(rankTags(planDemo(items, { seed: 5, variants: 5 }), 3)).toEqual(without);
  });
});

const sources = readSources();
const items = makeItems(sources);

function planAll(seed = 5) {
  return { items, plan: planDemo(items, { seed, variants: 5 }) };
}

async function collect<T>(values: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const value of values) all.push(value);
  return all;
}

/** A hash of every file by its path. */
async function fingerprint(path: string): Promise<Record<string, string>> {
  const entries = await readdir(path, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const hashes = files.sort().map(async (file) => {
    const hash = createHash('sha256')
      .update(await readFile(file))
      .digest('hex');
    return [file.slice(path.length), hash] as const;
  });
  return Object.fromEntries(await Promise.all(hashes));
}
