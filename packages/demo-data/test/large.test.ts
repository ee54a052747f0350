import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readAnnotations, wbdcLayout, type Video } from '@wbdc/data';
import { decodeImage, readFrameZip } from '@wbdc/video-features';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildDemo } from '../src/index.js';
import { cleanDefinition, corpusRecords } from '../src/large/definitions.js';
import { LARGE_PACKAGE } from '../src/large/large.js';
import { fetchPackage } from '../src/large/npm-package.js';

let root: string;
beforeAll(async () => void (root = await mkdtemp(join(tmpdir(), 'wbdc-large-'))));
afterAll(() => rm(root, { recursive: true, force: true }));

const han = (i: number): string => String.fromCodePoint(0x4e00 + i);

/** A package as the large set reads it, with a square of two strokes. */
async function packageIn(folder: string): Promise<void> {
  await mkdir(join(folder, 'explanation'), { recursive: true });
  await mkdir(join(folder, 'draw'));
  await writeFile(join(folder, 'package.json'), '{}');
  const words = Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`猫${han(i)}`, `${i}.家里养的～。`]));
  await writeFile(
    join(folder, 'explanation/猫.json'),
    JSON.stringify({ 猫头: '一种动物的头部。', 猫Ｍ: '一种动物的。', ...words }),
  );
  const half = (from: number) => `M ${from} -124 L ${from + 512} -124 L ${from + 512} 900 L ${from} 900 Z`;
  await writeFile(join(folder, 'draw/猫.json'), JSON.stringify({ strokes: [half(0), half(512)] }));
  await writeFile(join(folder, 'draw/⺌.json'), JSON.stringify({ strokes: [half(0)] }));
}

async function read(path: string): Promise<Video[]> {
  const videos: Video[] = [];
  for await (const video of readAnnotations(path)) videos.push(video);
  return videos;
}

describe('the large set', () => {
  it('has the videos of the demo, written characters and a corpus', async () => {
    const { name, version } = LARGE_PACKAGE;
    await packageIn(join(root, 'cache', `${name}-${version}`));
    const options = { seed: 3, items: 30, imageSize: 32, minTagItems: 1 };
    const packages = { cache: join(root, 'cache') };
    const demo = await buildDemo({ ...options, folder: join(root, 'demo') });
    const large = await buildDemo({ ...options, folder: join(root, 'large'), set: 'large', packages });
    expect(large.videos).toBe(demo.videos + 1);
    const [own, more] = ['demo', 'large'].map((set) => wbdcLayout(join(root, set)));
    for (const split of ['labeled', 'test_a']) {
      expect(await readFile(more.annotations(split))).toEqual(await readFile(own.annotations(split)));
    }
    const cat = (await read(more.annotations('unlabeled'))).find(({ title }) => title === '猫')!;
    expect(cat.asr).toBe('一种动物的头部。');
    expect(cat.ocr.map(({ text }) => text)).toEqual([0, 1, 2, 3].map((i) => `猫${han(i)}`));
    const frames = await readFrameZip(more.frameZip('unlabeled', cat.id));
    const dark = await Promise.all(
      frames.map(async ({ bytes }) => {
        const { data } = await decodeImage(bytes);
        return data.reduce((sum, value) => sum + Number(value < 128), 0) / data.length;
      }),
    );
    [0.5, 0.5, 1, 1].forEach((share, i) => expect(dark[i], `frame ${i}`).toBeCloseTo(share, 1));
    const [corpus, held] = [await read(more.annotations('corpus')), await read(more.annotations('corpus_test'))];
    expect([corpus.length, held.length]).toEqual([99, 2]);
    const near = await read(more.annotations('corpus_near'));
    expect(near.every(({ title }) => corpus.some((record) => record.title === title))).toBe(true);
    expect(corpus[0]).toMatchObject({ title: '猫头', asr: '一种动物的头部。' });
    expect(await readFile(join(root, 'large/LICENSES.md'), 'utf8')).toContain('Arphic Public License');
    expect(existsSync(own.annotations('corpus'))).toBe(false);
  });

  it('reads definitions as running text, and leaves out those that only name another word', () => {
    expect(cleanDefinition('车', '1.陆地上有轮子的交通工具。 \n2.～床。')).toBe('陆地上有轮子的交通工具。车床。');
    expect(cleanDefinition('猫弹竹', '1.见"狸头竹"。')).toBe('');
    const long = `${'很'.repeat(30)}。${'长'.repeat(60)}。`;
    expect(cleanDefinition('长', long)).toBe(`${'很'.repeat(30)}。`);
  });
});

describe('a fetched package', () => {
  it('is unpacked once, and refused where its content is another', async () => {
    const source = join(root, 'source');
    await packageIn(join(source, 'package'));
    const archive = join(root, 'some.tgz');
    execFileSync('tar', ['-czf', archive, '-C', source, 'package']);
    const integrity = `sha512-${createHash('sha512')
      .update(await readFile(archive))
      .digest('base64')}`;
    const asked: string[] = [];
    const pack = async (spec: string, folder: string): Promise<string> => {
      asked.push(spec);
      await copyFile(archive, join(folder, 'some.tgz'));
      return join(folder, 'some.tgz');
    };
    const cache = join(root, 'fetched');
    const wanted = { name: '@some/words', version: '1.0.0', integrity };
    const other = fetchPackage({ ...wanted, integrity: 'sha512-AAAA' }, { cache, pack });
    await expect(other).rejects.toThrow(/@some\/words@1.0.0: expected sha512-AAAA, got sha512-/);
    const folder = await fetchPackage(wanted, { cache, pack });
    expect(existsSync(join(folder, 'explanation/猫.json'))).toBe(true);
    expect(await fetchPackage(wanted, { cache, pack })).toBe(folder);
    expect(asked).toEqual(['@some/words@1.0.0', '@some/words@1.0.0']);
    const gone = fetchPackage(
      { ...wanted, version: '2.0.0' },
      { cache, pack: () => Promise.reject(new Error('down')) },
    );
    await expect(gone).rejects.toThrow('down');
  });
});

describe('definitions near to texts', () => {
  it('are those of words that stand in them, then of their characters, the best known first', () => {
    const words = ['黑猫', '猫黑', '白猫', '黑色', '红色', '一只黑', '只一'];
    const definitions = [
      ...words.map((word) => ({ word, text: word === '猫黑' ? '只只只只只只只只。' : '猫一猫一猫。猫一' })),
      ...Array.from({ length: 49 - words.length }, (_, i) => ({ word: `鬼${i}`, text: '鬼' })),
      { word: '一只', text: '这里' },
      { word: '猫', text: '一种动物' }, // one character stands in every text
    ];
    const { corpus, corpus_near: near, corpus_test: held } = corpusRecords(definitions, ['一只黑猫', '红，色']);
    expect(near.map(({ title }) => title)).toEqual(['黑猫', '一只黑', '猫黑', '黑色', '红色', '只一']);
    expect([corpus.length, held.map(({ title }) => title)]).toEqual([50, ['一只']]);
  });
});
