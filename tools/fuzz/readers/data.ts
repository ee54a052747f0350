import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  chooseColumns,
  createFeatureStore,
  decodeNpy,
  encodeNpy,
  findAiacWidth,
  mergeFeatureStores,
  openAiacFiles,
  openAiacIndex,
  openFeatureStore,
  parseRow,
  readAiacVideos,
  readAnnotations,
  readIds,
  readLabels,
  readSkipped,
  readTable,
  readTagList,
  readTextTable,
  readTfRecords,
  verifyFeatureStore,
  writeAnnotations,
  type FeatureSource,
} from '@wbdc/data';
import { frameRecord, RECORD_HEADER } from '@wbdc/io';
import { zipSync } from 'fflate';
import type { OnBad, Reader, Sample } from '../reader.js';
import { drain, fixture, json, text } from './common.js';

const VIDEOS = Array.from({ length: 5 }, (_, i) => ({
  id: `${10n ** 19n + BigInt(i)}`,
  title: '标题"\\',
  asr: 'x',
  ocr: [{ time: i, text: '字幕' }],
  categoryId: '0101',
  tags: ['a'],
}));

const ROW = {
  file: 'a.mp4',
  title: '红烧肉',
  ocr: [{ time: 1, text: '字' }],
  category: '动物/猫',
  tags: ['美食'],
  id: 7,
};

async function readAll(source: FeatureSource, ids: Iterable<string>, onBad: OnBad): Promise<void> {
  try {
    for (const id of ids) await source.read(id).catch(onBad);
  } finally {
    await source.close();
  }
}

const array = (): Buffer => Buffer.from(encodeNpy({ data: new Float32Array(21), shape: [3, 7] }, 'float16'));

/** A store of one array, whose checksum is right whatever it holds. */
const packed = (bytes: Uint8Array): Uint8Array => zipSync({ '1000000000000000000.npy': bytes }, { level: 0 });

async function store(folder: string, name: string): Promise<Sample> {
  const path = join(folder, `made-${name}`);
  const writer = await createFeatureStore(path, { width: 3, recipe: { model: 'a' } });
  for (const { id } of VIDEOS) await writer.add(id, { data: new Float32Array(6), shape: [2, 3] });
  await writer.finish();
  return { name, bytes: readFileSync(path) };
}

const RECORDS = fixture('data', 'pointwise.tfrecords');

/** The first record's message, framed anew with its checksums. */
function record(): Sample {
  const file = readFileSync(RECORDS);
  const length = Number(file.readBigUInt64LE(0));
  const bytes = file.subarray(RECORD_HEADER, RECORD_HEADER + length);
  return { name: 'one.tfrecords', bytes, wrap: frameRecord };
}

async function tableRows(path: string, onBad: OnBad): Promise<void> {
  const { columns, rows } = await readTable(path, { onBad });
  const chosen = chooseColumns(path, columns);
  for (const row of rows) {
    try {
      parseRow(row, chosen);
    } catch (error) {
      onBad(error);
    }
  }
}

export const DATA: readonly Reader[] = [
  {
    name: 'data: readAnnotations',
    covers: ['data: readJsonArray', 'data: readDistinctVideos', 'data: readIds'],
    corpus: async (folder) => {
      const path = join(folder, 'made');
      await writeAnnotations(path, VIDEOS);
      return [{ name: 'annotations.json', bytes: readFileSync(path) }];
    },
    tokens: ['"id":', '"ocr":[', '"time":', '"category_id":', '"tags":'],
    read: async ({ path }, onBad) => {
      await drain(readAnnotations(path, { onBad })).catch(onBad);
      await readIds(path, { onBad });
    },
  },
  {
    name: 'data: openFeatureStore',
    covers: ['data: decodeNpy', 'data: verifyFeatureStore'],
    corpus: async (folder) => [await store(folder, 'features.zip'), { name: 'one.zip', bytes: array(), wrap: packed }],
    tokens: ["'descr': '<f2'", "'<f4'", "'shape': (", '99999999999', "'fortran_order': True", '.npy', 'recipe.json'],
    read: async ({ path }, onBad) => {
      await verifyFeatureStore(path, { onBad }).catch(onBad);
      const opened = await openFeatureStore(path);
      await readAll(opened, opened.ids, onBad);
    },
  },
  {
    name: 'data: mergeFeatureStores',
    corpus: async (folder) => [await store(folder, 'features.zip')],
    read: ({ path, folder }) => mergeFeatureStores([path], join(folder, 'merged.zip')),
  },
  {
    name: 'data: createFeatureStore',
    corpus: async (folder) => {
      const path = join(folder, 'made.zip');
      const writer = await createFeatureStore(path, { width: 3, recipe: { model: 'a' } });
      for (const { id } of VIDEOS) await writer.add(id, { data: new Float32Array(6), shape: [2, 3] });
      await writer.suspend();
      return [{ name: 'features.zip.part', bytes: readFileSync(`${path}.part`) }];
    },
    lenient: true,
    read: async ({ folder }, onBad) => {
      const path = join(folder, 'features.zip');
      const writer = await createFeatureStore(path, { width: 3, recipe: { model: 'a' }, resume: true });
      for (const { id } of VIDEOS) {
        if (!writer.has(id)) await writer.add(id, { data: new Float32Array(6), shape: [2, 3] });
      }
      await writer.finish();
      const { bad, videos } = await verifyFeatureStore(path, { onBad });
      if (bad > 0 || videos < VIDEOS.length) throw new Error(`resumed to a store of ${videos} videos, ${bad} bad`);
    },
  },
  {
    name: 'data: decodeNpy',
    corpus: () => [{ name: 'array.npy', bytes: array() }],
    tokens: ["'descr': '<f2'", "'<f4'", "'shape': (", '99999999999'],
    read: ({ bytes, path }) => decodeNpy(bytes, path),
  },
  {
    name: 'data: readAiacVideos',
    covers: [
      'data: readTfRecords',
      'data: decodeExample',
      'data: findAiacWidth',
      'data: openAiacFiles',
      'io: decodeText',
    ],
    corpus: () => [
      { name: 'pointwise.tfrecords', bytes: readFileSync(RECORDS) },
      { name: 'pointwise.tfrecords.gz', bytes: readFileSync(`${RECORDS}.gz`) },
      record(),
    ],
    read: async ({ path }, onBad) => {
      await drain(readTfRecords(path, { onBad })).catch(onBad);
      await drain(readAiacVideos(path, { width: 5, onBad })).catch(onBad);
      await findAiacWidth([path], { onBad }).catch(onBad);
      if (path.endsWith('.gz')) return;
      const files = await openAiacFiles([path], { width: 5, onBad });
      const ids: string[] = [];
      try {
        for await (const { id } of files.videos()) ids.push(id);
      } catch (error) {
        onBad(error);
      }
      await readAll(files, ids, onBad);
    },
  },
  {
    name: 'data: openAiacIndex',
    corpus: async (folder) => {
      const files = await openAiacFiles([RECORDS], { width: 5 });
      await drain(files.videos());
      await files.saveIndex(join(folder, 'made.index'));
      await files.close();
      return [{ name: 'pointwise.index', bytes: readFileSync(join(folder, 'made.index')) }];
    },
    read: async ({ path }, onBad) => readAll(await openAiacIndex(path), ['1000000000000000000'], onBad),
  },
  {
    name: 'data: readLabels',
    covers: ['data: readLines'],
    corpus: () => [text('label.tsv', '1234567890123456789\t1234567890123456780\t0.35\n'.repeat(9))],
    read: ({ path }, onBad) => readLabels(path, { onBad }),
  },
  {
    name: 'data: readTagList',
    corpus: () => [text('tag_list.txt', '1056\n33\n美食\n')],
    read: ({ path }) => readTagList(path),
  },
  {
    name: 'data: readSkipped',
    corpus: () => [text('features.skipped.tsv', 'a1\tno such file\nb2\tcut\n')],
    lenient: true,
    read: ({ path }) => readSkipped(path),
  },
  {
    name: 'data: readTable',
    covers: ['data: parseRow'],
    corpus: () => [
      text(
        't.csv',
        `file,title,ocr,category,tags\n${'a.mp4,"红烧肉, ""好吃""","一\n二",动物/猫,美食|探店\n'.repeat(4)}`,
      ),
      text('t.tsv', `file\ttitle\ttags\n${"a.mp4\t红烧肉\t['猫', '宠物']\n".repeat(4)}`),
      text('t.jsonl', `${JSON.stringify(ROW)}\n`.repeat(4)),
      json('t.json', [ROW, ROW]),
    ],
    tokens: ["['", "']", '|', '""', 'nan', 'file', 'title'],
    read: ({ path }, onBad) => tableRows(path, onBad),
  },
  {
    name: 'data: readTextTable',
    corpus: () => [text('t.csv', 'video,title,asr\na.mp4,标题,文字\nb.mp4,"x,y",\n')],
    read: ({ path }, onBad) => readTextTable(path, { onBad }),
  },
];
