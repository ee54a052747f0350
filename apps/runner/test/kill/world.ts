import { mkdir, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { wbdcLayout, writeAiacVideos, writeAnnotations, writeFrameZip, writeLabels, type Video } from '@wbdc/data';
import { floats } from '@wbdc/nn';
import sharp from 'sharp';

/** Two categories, told by the colour of the frames and by the title. */
const CATEGORIES = ['0100', '0203'];
const TITLES = ['一只黑猫', '红色的车'];
const SPLITS = { unlabeled: 8, labeled: 10, test_a: 5 } as const;
const FRAMES = 3;
const FILMED = new Date(1_700_000_000_000);

const SETTINGS = `
engine: ort
threads: 1
data: { folder: data, trainSplits: [unlabeled, labeled], heldOutSplits: [test_a] }
vocab: { minFrequency: 1 }
text: { budget: 10 }
frames: { limit: 3 }
features: { batchSize: 4, decodeThreads: 1 }
clip:
  vision: { imageSize: 16, patchSize: 8, width: 12, layers: 1, heads: 2 }
  text: { width: 12, layers: 1, heads: 2, budget: 6 }
  framesPerVideo: 1
  batchSize: 4
  epochs: 2
  checkpointEvery: 3
  evaluateEvery: 5
model: { width: 12, layers: 1, heads: 2, maxPositions: 16 }
tasks: { mlm: { weight: 1 }, mfm: { weight: 1 }, tag: { weight: 1, count: 3, minFrequency: 1 } }
train: { batchSize: 4, epochs: 2, learningRate: 0.01, rules: [], checkpointEvery: 3, evaluateEvery: 5 }
finetune:
  { batchSize: 4, epochs: 4, learningRate: 0.01, rules: [], width: 4, ema: 0.5, checkpointEvery: 3, evaluateEvery: 5 }
`;

const AIAC = `
data: { folder: qq, layout: aiac, trainSplits: [pointwise, pairwise], heldOutSplits: [test_a] }
`;

/** What all commands read, as small as can be: videos in the WBDC layout, records in AIAC's, pictures and a table. */
export async function makeWorld(folder: string): Promise<void> {
  await writeFile(join(folder, 'my.yaml'), SETTINGS);
  await writeFile(join(folder, 'qq.yaml'), AIAC);
  await Promise.all([makeData(join(folder, 'data')), makeRecords(join(folder, 'qq')), makeVideos(folder)]);
  const { labeled } = ids;
  const pairs = labeled.flatMap((id1, i) =>
    labeled.slice(i + 1).map((id2, k) => ({ id1, id2, score: ((i + k) % 3) / 2 })),
  );
  await writeLabels(join(folder, 'pairs.tsv'), pairs);
  const clicks = labeled.slice(1).map((id2, i) => ({ id1: labeled[i], id2, score: 1 }));
  await writeLabels(join(folder, 'clicks.tsv'), clicks);
  await writeFile(join(folder, 'truth.csv'), ids.test_a.map((id, i) => `${id},${CATEGORIES[i % 2]}\n`).join(''));
}

const idsOf = (split: number, count: number): string[] =>
  Array.from({ length: count }, (_, i) => `${split + 1}${String(i).padStart(18, '0')}`);
const ids = Object.fromEntries(Object.entries(SPLITS).map(([name, count], s) => [name, idsOf(s, count)])) as Record<
  keyof typeof SPLITS,
  string[]
>;

function videosOf(split: keyof typeof SPLITS): Video[] {
  return ids[split].map((id, i) => ({
    id,
    title: `${TITLES[i % 2]}${i}`,
    asr: '叫',
    ocr: [{ time: 0, text: 'x' }],
    ...(split !== 'test_a' && { tags: ['动物', `种${i % 3}`] }),
    ...(split === 'labeled' && { categoryId: CATEGORIES[i % 2] }),
  }));
}

async function makeData(root: string): Promise<void> {
  await mkdir(join(root, 'annotations'), { recursive: true });
  const layout = wbdcLayout(root);
  for (const split of Object.keys(SPLITS) as (keyof typeof SPLITS)[]) {
    await writeAnnotations(layout.annotations(split), videosOf(split));
    for (const [i, id] of ids[split].entries()) await writeFrameZip(layout.frameZip(split, id), await frames(i));
  }
}

/** Every picture differs from the others, or equal ones would be one. */
function picture(i: number, k: number): Promise<Buffer> {
  const side = 20;
  const pixels = Uint8Array.from({ length: side * side * 3 }, (_, at) => {
    return (i % 2 === at % 2 ? 180 : 20) + ((Math.imul(at + 1, 40503 * (31 * i + k + 1)) >>> 16) % 60);
  });
  return sharp(pixels, { raw: { width: side, height: side, channels: 3 } })
    .png()
    .toBuffer();
}

async function frames(i: number): Promise<{ name: string; bytes: Buffer }[]> {
  const pictures = Array.from({ length: FRAMES }, (_, k) => picture(i, k));
  return (await Promise.all(pictures)).map((bytes, k) => ({ name: `${k}.png`, bytes }));
}

/** One file a split, one of them packed. */
async function makeRecords(root: string): Promise<void> {
  const width = 4;
  for (const [s, split] of ['pointwise', 'pairwise', 'test_a'].entries()) {
    await mkdir(join(root, split), { recursive: true });
    const videos = idsOf(s, 400).map((id, i) => ({
      ...{ id, title: `${TITLES[i % 2]}${i}`, asr: '', ocr: [], tags: [String(100_000 + (i % 3))] },
      frames: floats(
        [2, width],
        Float32Array.from({ length: 2 * width }, (_, k) => i + k),
      ),
    }));
    await writeAiacVideos(join(root, split, 'part_0.tfrecords'), videos, { gzip: s === 0 });
  }
  await writeFile(join(root, 'tag_list.txt'), '100000\n100001\n100002\n');
  const [id1, id2] = idsOf(1, 2);
  await writeLabels(join(root, 'pairwise', 'label.tsv'), [{ id1, id2, score: 0.5 }]);
}

/** Folders of pictures in two folders of kinds, and their table. */
async function makeVideos(folder: string): Promise<void> {
  const rows = ['video,title,tags'];
  for (let i = 0; i < 12; i++) {
    const name = join(i % 2 ? 'cats' : 'cars', `v${i}`);
    for (const { name: file, bytes } of await frames(100 + i)) {
      const path = join(folder, 'videos', name, file);
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, bytes);
      await utimes(path, FILMED, FILMED); // a copy has no finer time
    }
    rows.push(`${name},${TITLES[i % 2]}${i},动物|种${i % 3}`);
  }
  await writeFile(join(folder, 'texts.csv'), `${rows.join('\n')}\n`);
}
