import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createFeatureStore, featureLayout, wbdcLayout, writeAnnotations, writeFrameZip, type Video } from '@wbdc/data';
import { floats, type Floats } from '@wbdc/nn';
import type { PublishOptions } from '@wbdc/web';
import sharp from 'sharp';
import { afterAll } from 'vitest';

/** Small models that the tests of @wbdc/pipeline have too. */
const MODELS = join(import.meta.dirname, '../../../packages/pipeline/test/fixtures/0.1.0');
export const PRETRAINED = join(MODELS, 'pretrained');
export const CATEGORY = join(MODELS, 'category');
export const TOWER = join(MODELS, 'clip');

const CATEGORIES = ['0100', '0300', '0901'];
const TITLES = ['笑脸', '旗子', '电车', '星星'];
/** Dv of these models, and the side of a picture. */
const [WIDTH, SIDE] = [8, 16];

/** Features of a video: alike within a category. */
function featuresOf(i: number): Floats {
  const data = Float32Array.from(
    { length: 2 * WIDTH },
    (_, k) => Math.sin(1 + k * (i % 3)) + 0.2 * Math.cos(3 * i + k),
  );
  return floats([2, WIDTH], data);
}

function videoOf(i: number, labelled: boolean): Video {
  const id = `1000000000000000${100 + i}`;
  const title = `${TITLES[i % 4]}${i}`;
  const known = labelled ? { categoryId: CATEGORIES[i % 3] } : {};
  return { id, title, asr: '', ocr: [{ time: 0, text: '寄' }], tags: ['包裹'], ...known };
}

/** A data set of 12 videos, 3 of them held out, with pictures and features, as a run has it. */
export async function makeWorld(): Promise<PublishOptions & { readonly folder: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'wbdc-web-'));
  afterAll(() => rm(folder, { recursive: true, force: true }));
  const [data, features] = [wbdcLayout(join(folder, 'data')), featureLayout(join(folder, 'features'))];
  await mkdir(join(folder, 'data/annotations'), { recursive: true });
  await mkdir(features.root);
  const splits = { labeled: [0, 9], test_a: [9, 12] } as const;
  for (const [split, [from, to]] of Object.entries(splits)) {
    const places = Array.from({ length: to - from }, (_, i) => from + i);
    await writeAnnotations(
      data.annotations(split),
      places.map((i) => videoOf(i, split === 'labeled')),
    );
    const store = await createFeatureStore(features.store(split), { width: WIDTH });
    for (const i of places) {
      const { id } = videoOf(i, false);
      await store.add(id, featuresOf(i));
      const background = { r: 20 * i, g: 200 - 10 * i, b: 90 };
      const bytes = await sharp({ create: { width: SIDE, height: SIDE, channels: 3, background } })
        .jpeg()
        .toBuffer();
      await writeFrameZip(data.frameZip(split, id), [{ name: '1.jpg', bytes }]);
    }
    await store.finish();
  }
  const truth = [9, 10, 11].map((i) => `${videoOf(i, false).id},${CATEGORIES[i % 3]}\n`).join('');
  await writeFile(data.truth('test_a'), truth);
  await cp(join(CATEGORY, 'categories.json'), data.categories);
  return {
    folder,
    ...{ pretrained: PRETRAINED, categories: CATEGORY, tower: TOWER, features: features.root, data: data.root },
    out: join(folder, 'site'),
  };
}
