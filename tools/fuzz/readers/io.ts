import { zipSync } from 'fflate';
import { openBytes, readJson, readLines, readMarks } from '@wbdc/io';
import { recoverEntries, ZipReader, ZipWriter } from '@wbdc/io/zip';
import { join } from 'node:path';
import { readFileSync } from 'node:fs';
import type { Reader } from '../reader.js';
import { drain, json, text } from './common.js';

const FILES = { 'a.npy': Buffer.from('a'.repeat(300)), 'b/c.txt': Buffer.from('视频') };

export const IO: readonly Reader[] = [
  {
    name: 'io: ZipReader.open',
    covers: ['io: findDirectory', 'io: readEntry', 'io: openBytes', 'io: readRange'],
    corpus: () => [
      { name: 'stored.zip', bytes: zipSync(FILES, { level: 0 }) },
      { name: 'deflated.zip', bytes: zipSync(FILES) },
    ],
    read: async ({ path }, onBad) => {
      const zip = await ZipReader.open(path, { maxEntryBytes: 1 << 20 });
      try {
        for (const key of zip.keys()) await zip.read(key).catch(onBad);
      } finally {
        await zip.close();
      }
    },
  },
  {
    name: 'io: recoverEntries',
    corpus: async (folder) => {
      const path = join(folder, 'made');
      const writer = await ZipWriter.create(path);
      for (const [name, bytes] of Object.entries(FILES)) await writer.add(name, bytes);
      await writer.suspend();
      return [{ name: 'made.part', bytes: readFileSync(`${path}.part`) }];
    },
    lenient: true,
    read: async ({ path }) => {
      const { entries, end } = await recoverEntries(path);
      const source = await openBytes(path);
      const { size } = source;
      await source.close();
      if (end > size || entries.some(({ offset }) => offset >= end)) throw new Error('beyond the file');
    },
  },
  {
    name: 'io: readJson',
    covers: ['io: parseJson', 'io: readIfThere'],
    corpus: () => [json('a.json', { a: [1, 2, { b: '视频' }], c: null })],
    read: ({ path }) => readJson(path),
  },
  {
    name: 'io: readMarks',
    corpus: () => [
      text('contents.tsv', `ab12\t7\t1700000000000.5\t1700000000001\t1\t"视频/a.zip"\n-\t0\t0\t0\t1\t"b"\n`),
    ],
    lenient: true,
    read: ({ path }) => readMarks(path),
  },
  {
    name: 'io: readLines',
    corpus: () => [text('a.txt', '一\r\ntwo\n\nlast')],
    read: ({ path }) => drain(readLines(path)),
  },
];
