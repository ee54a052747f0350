import { mkdir, mkdtemp, readdir, readFile, rename, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { wbdcLayout, readAnnotations, readTagList, writeFrameZip, type Video } from '@wbdc/data';
import { decodeImage, readFrameZip } from '@wbdc/video-features';
import sharp from 'sharp';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { loadConfig } from '../src/config/load.js';
import type { PrepareSummary } from '@wbdc/pipeline/prepare';
import { runCommandLine } from '../src/program.js';
import { TestHost } from './host.js';

let folder: string;
let host: TestHost;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'wbdc-prepare-'));
  await makeVideos();
});
afterAll(() => rm(folder, { recursive: true }));
beforeEach(() => (host = new TestHost(folder)));

/** A picture that differs from others in all of its parts. */
async function picture(seed: number, width = 48, height = 36): Promise<Buffer> {
  const pixels = Uint8Array.from(
    { length: 9 * 8 * 3 },
    (_, i) => (Math.imul(i + 1, 2654435761 + 40503 * seed) >>> 13) & 255,
  );
  return sharp(pixels, { raw: { width: 9, height: 8, channels: 3 } })
    .resize(width, height, { kernel: 'nearest' })
    .png()
    .toBuffer();
}

async function animation(path: string, seed: number, delay = 500): Promise<void> {
  const frames = await Promise.all([0, 1, 2, 3].map((k) => picture(10 * seed + k)));
  await sharp(frames, { join: { animated: true } })
    .webp({ lossless: true, delay: frames.map(() => delay) })
    .toFile(path);
}

const videos = (...parts: string[]): string => join(folder, 'videos', ...parts);

/** Twelve animations, a folder and a zip of pictures; what is broken, and what is no video. */
async function makeVideos(): Promise<void> {
  for (const name of ['anim/in', 'shots', 'bad', '.hidden']) await mkdir(videos(name), { recursive: true });
  for (let i = 0; i < 12; i++) await animation(videos('anim', `a${i}.webp`), i);
  await animation(videos('anim/in', '猫.webp'), 50);
  for (const i of [0, 1, 2]) await writeFile(videos('shots', `${i}.png`), await picture(700 + i, 400, 300));
  await writeFile(videos('shots', 'Thumbs.db'), 'x');
  await writeFrameZip(videos('pics.zip'), [{ name: '0.png', bytes: await picture(900) }]);
  await writeFile(videos('copy of a3.webp'), await readFile(videos('anim/a3.webp')));
  await writeFile(videos('bad', 'cut.webp'), (await readFile(videos('anim/a1.webp'))).subarray(0, 300));
  await writeFile(videos('bad', 'empty.gif'), '');
  await writeFile(videos('notes.txt'), 'notes');
  await writeFile(videos('.hidden', 'x.webp'), (await readFile(videos('anim/a1.webp'))).subarray(0, 300));
  await symlink('..', videos('anim', 'loop'));
  await writeFile(join(folder, 'texts.csv'), TABLE);
}

const TABLE = `file,title,ocr,category,tags,split
${Array.from({ length: 12 }, (_, i) => `a${i},标题${i},"字${i}\n幕",${i % 2 ? '动物/猫' : '美食'},常见|t${i},`).join('\n')}
猫.webp,猫咪,,动物/猫,常见,test
shots,照片,,,常见,
pics.zip,,,,,
gone.mp4,没有,,,,
`;

const prepare = (more = '') => runCommandLine(`prepare videos --texts texts.csv --out data${more}`.split(' '), host);
const made = (...parts: string[]): string => join(folder, 'data', ...parts);

async function annotated(split: string): Promise<Video[]> {
  const all: Video[] = [];
  for await (const video of readAnnotations(made('annotations', `${split}.json`))) all.push(video);
  return all;
}

/** Lines of ids.tsv by the name of the video. */
async function mapping(): Promise<Map<string, { id: string; split: string; category: string }>> {
  const lines = (await readFile(made('ids.tsv'), 'utf8')).trimEnd().split('\n').slice(1);
  return new Map(
    lines.map((line) => line.split('\t')).map(([id, split, category, name]) => [name, { id, split, category }]),
  );
}

describe('wbdc prepare', () => {
  it('makes the official layout, and says what is wrong with the rest', async () => {
    expect(await prepare(' --json')).toBe(0);
    const { summary, next } = JSON.parse(host.out) as { summary: PrepareSummary; next: string };
    expect(next).toBe('npx wbdc run finetune --config data/wbdc.yaml');
    expect(summary).toMatchObject({
      videos: 16,
      unreadable: 1,
      categories: 2,
      warnings: { 'row without video': 1, alike: 1, 'unknown file': 1, 'empty text': 2 },
    });
    const names = await mapping();
    const labeled = await annotated('labeled');
    const a3 = names.get('anim/a3.webp')!;
    expect(
      labeled.find(({ id }) => id === a3.id) ?? (await annotated('test_a')).find(({ id }) => id === a3.id),
    ).toMatchObject({
      title: '标题3',
      ocr: [
        { time: 0, text: '字3' },
        { time: 1, text: '幕' },
      ],
      tags: ['常见', 't3'],
    });
    expect(names.get('anim/in/猫.webp')).toMatchObject({ split: 'test_a', category: '0000' });
    expect(names.get('shots')).toMatchObject({ split: 'unlabeled', category: '' });
    expect(names.get('copy of a3.webp')!.split === 'test_a').toBe(a3.split === 'test_a');
    const all = [...labeled, ...(await annotated('unlabeled')), ...(await annotated('test_a'))];
    const pair = [a3.id, names.get('copy of a3.webp')!.id].sort();
    expect(all.filter(({ group }) => group !== undefined).map(({ id, group }) => [group, id])).toEqual([pair]);
    for (const { categoryId } of labeled) expect(categoryId).toMatch(/^0[01]00$/);
    expect((await annotated('test_a')).every(({ categoryId }) => categoryId === undefined)).toBe(true);
    const truth = (await readFile(made('annotations/test_a_truth.csv'), 'utf8')).trim().split('\n');
    expect(truth).toContain(`${names.get('anim/in/猫.webp')!.id},0000`);
    expect((await readTagList(made('tag_list.txt')))[0]).toBe('常见');
    expect(await readFile(made('warnings.tsv'), 'utf8')).toMatch(/unreadable video\tbad: .*cut\.webp/);
  });

  it('keeps frames a second of what has times, and all of what has none, at most so large', async () => {
    const names = await mapping();
    const frames = async (name: string) =>
      readFrameZip(wbdcLayout(made()).frameZip(names.get(name)!.split, names.get(name)!.id));
    expect(await frames('anim/in/猫.webp')).toHaveLength(2); // 4 frames of half a second
    const shots = await frames('shots');
    expect(shots.map(({ name }) => name)).toEqual(['00000.jpg', '00001.jpg', '00002.jpg']);
    const { width, height } = await decodeImage(shots[0].bytes);
    expect([width, height]).toEqual([341, 256]);
    expect(await readdir(made('zip_frames'))).toEqual(expect.not.arrayContaining(['.decoded']));
  });

  it('shows the data on a page that needs nothing else', async () => {
    const page = await readFile(made('index.html'), 'utf8');
    expect(page.match(/<article/g)).toHaveLength(10);
    expect(page).toContain('1 row names no video here');
    expect(page).not.toMatch(/(src|href)="(?!data:)/);
  });

  it('writes a configuration that the stages take', async () => {
    const config = await loadConfig({ path: 'data/wbdc.yaml', folder });
    expect(config.data).toMatchObject({
      folder: 'data',
      trainSplits: ['unlabeled', 'labeled'],
      heldOutSplits: ['test_a'],
    });
    expect(config.text.fields).toEqual(['title', 'ocr']);
    expect(await runCommandLine(['run', 'vocab', '--config', 'data/wbdc.yaml'], host)).toBe(0);
    expect(host.out).toMatch(/== data[^]*labeled\.json: \d+ videos, 0 bad, 0 without frames[^]*== vocab/);
    expect(await runCommandLine(['run', 'vocab', '--config', 'data/wbdc.yaml', '--json'], host)).toBe(0);
    expect(JSON.parse(host.out.trim().split('\n').at(-1)!)).toMatchObject({ stage: 'vocab', alreadyDone: true });
  });

  it('does nothing twice, and brings up to date what has changed', async () => {
    const before = await mapping();
    const files = await Promise.all(
      ['annotations/labeled.json', 'ids.tsv', 'index.html'].map((name) => readFile(made(name))),
    );
    expect(await prepare()).toBe(0);
    expect(host.out).toContain('16 of them were decoded before');
    expect(
      await Promise.all(['annotations/labeled.json', 'ids.tsv', 'index.html'].map((name) => readFile(made(name)))),
    ).toEqual(files);
    await animation(videos('anim', 'a0.webp'), 77, 2000);
    await utimes(videos('anim', 'a0.webp'), 1, 1);
    for (let i = 20; i < 26; i++) await animation(videos('anim', `a${i}.webp`), i);
    await writeFile(made('wbdc.yaml'), '# mine\n');
    expect(await prepare()).toBe(0);
    expect(host.out).toContain('15 of them were decoded before');
    const after = await mapping();
    expect(after.size).toBe(22);
    for (const [name, { id, split }] of before) expect(after.get(name)).toMatchObject({ id, split });
    const { id, split } = after.get('anim/a0.webp')!;
    expect(await readFrameZip(wbdcLayout(made()).frameZip(split, id))).toHaveLength(4);
    expect(await readFile(made('wbdc.yaml'), 'utf8')).toBe('# mine\n');
  });

  it('tells what to change in a configuration of before, and writes one that fits', async () => {
    await mkdir(join(folder, 'a b'), { recursive: true });
    for (const name of ['1', '2', '3', '4']) await animation(join(folder, 'a b', `${name}.webp`), Number(name));
    await writeFile(join(folder, 'a b.csv'), 'file,title,category\n1,一,猫\n2,二,猫\n3,三,狗\n4,四,狗\n');
    const args = ['prepare', 'a b', '--out', "it's data"];
    expect(await runCommandLine(args, host)).toBe(0);
    expect(host.out).toContain(`next     npx wbdc run pretrain --config 'it'\\''s data/wbdc.yaml'`);
    const before = await readFile(join(folder, "it's data/wbdc.yaml"), 'utf8');
    expect(await runCommandLine([...args, '--texts', 'a b.csv'], (host = new TestHost(folder)))).toBe(0);
    expect(host.err).toContain('data.trainSplits: there ["unlabeled"], fits ["labeled"]');
    expect(host.out).toContain(`next     npx wbdc run finetune --config 'it'\\''s data/wbdc.new.yaml'`);
    expect(await readFile(join(folder, "it's data/wbdc.yaml"), 'utf8')).toBe(before);
    const config = await loadConfig({ path: "it's data/wbdc.new.yaml", folder });
    expect([config.data.trainSplits, config.finetune.splits]).toEqual([['labeled'], ['labeled']]);
    // With the lines changed there is nothing more to say.
    await rename(join(folder, "it's data/wbdc.new.yaml"), join(folder, "it's data/wbdc.yaml"));
    expect(await runCommandLine([...args, '--texts', 'a b.csv'], (host = new TestHost(folder)))).toBe(0);
    expect(host.err).not.toContain('does not go with');
    expect(await readdir(join(folder, "it's data"))).not.toContain('wbdc.new.yaml');
  });

  it('decodes folders and zips of pictures again that an earlier version took in another order', async () => {
    const journal = await readFile(made('decoded.jsonl'), 'utf8');
    await writeFile(made('decoded.jsonl'), journal.replaceAll(',"frameOrder":"natural"', ''));
    expect(await prepare()).toBe(0);
    expect(host.out).toContain('20 of them were decoded before'); // all but shots and pics.zip
    expect(await prepare()).toBe(0);
    expect(host.out).toContain('22 of them were decoded before');
  });

  it('goes on after Ctrl-C, to the same files', async () => {
    let first = true;
    host.stderr.write = (text: string) => {
      host.err += text;
      if (first && text.includes('videos')) host.signals.emit('SIGINT');
      first = false;
      return host.err;
    };
    const args = 'prepare videos --texts texts.csv --out stopped'.split(' ');
    expect(await runCommandLine(args, host)).toBe(130);
    expect(host.out).toContain('what is decoded is kept: the same command goes on');
    const left = await readdir(join(folder, 'stopped'));
    expect(left).not.toContain('annotations');
    expect(await runCommandLine(args, (host = new TestHost(folder)))).toBe(0);
    expect(host.out).toMatch(/\d of them were decoded before/);
    expect(await runCommandLine('prepare videos --texts texts.csv --out whole'.split(' '), host)).toBe(0);
    for (const name of ['annotations/labeled.json', 'annotations/test_a.json', 'ids.tsv', 'summary.json']) {
      expect(await readFile(join(folder, 'stopped', name))).toEqual(await readFile(join(folder, 'whole', name)));
    }
  });

  it('takes titles and categories from names where that is asked for', async () => {
    expect(
      await runCommandLine(
        'prepare videos --out named --title-from-name --category-from-folder --even --frames 3'.split(' '),
        host,
      ),
    ).toBe(0);
    const titles: string[] = [];
    for (const split of ['labeled', 'test_a'])
      for await (const { title } of readAnnotations(join(folder, `named/annotations/${split}.json`)))
        titles.push(title);
    expect(titles).toEqual(expect.arrayContaining(['a5', '猫']));
    const names = JSON.parse(await readFile(join(folder, 'named/categories.json'), 'utf8')) as Record<
      string,
      { group: { zh: string }; subgroup: { zh: string } }
    >;
    expect(Object.values(names).map(({ group, subgroup }) => group.zh + subgroup.zh)).toEqual(['anim', 'animin']);
  });

  it.each<[string, number, RegExp]>([
    ['prepare videos --out data --side 64', 1, /data was made with other settings:\n {2}side: there 256, now 64/],
    ['prepare videos --out videos/out', 2, /expected a folder outside of/],
    ['prepare none --out x', 1, /expected a folder with videos, found none/],
    [
      'prepare videos/.hidden --out x',
      1,
      /expected a video that can be read, got none: 1 video cannot be read: left out: x\.webp/,
    ],
    ['prepare videos --out videos-not-mine', 1, /expected no folder or one that wbdc prepare made/],
    ['prepare videos --texts other.csv --out y', 1, /expected rows that name videos of .* rows name '標題'/],
    ['prepare videos --out x --held-out 1', 2, /expected a share from 0 to below 1/],
    [
      'prepare videos --texts texts.csv --out z --column titel=x',
      2,
      /--column: expected <field>=<column> with a field out of video, id, title/,
    ],
    [
      'prepare videos --texts texts.csv --out z --column title=titles',
      1,
      /expected the column 'titles' .*did you mean 'title'\?: say which column it is with --column/,
    ],
    ['prepare videos --texts texts.csv --out z --encoding klingon', 2, /--encoding: expected a name such as utf-8/],
  ])('%s is refused', async (args, code, message) => {
    await mkdir(join(folder, 'videos-not-mine'), { recursive: true });
    await writeFile(join(folder, 'videos-not-mine', 'x'), 'x');
    await writeFile(join(folder, 'other.csv'), 'file\n標題\n');
    expect(await runCommandLine(args.split(' '), host)).toBe(code);
    expect(host.err).toMatch(message);
  });
});
