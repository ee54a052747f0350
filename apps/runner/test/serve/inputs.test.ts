import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { askedVideos } from '@wbdc/video-features';
import { textsFor } from '../../src/commands/serve/texts.js';
import { Output } from '../../src/core/output.js';
import { TestHost } from '../host.js';

const OFFICIAL = '1234567890123456789';
const FILES = ['cats/001.mp4', 'dogs/001.mp4', 'dogs/old/001.mp4', `x/789/${OFFICIAL}.zip`, 'two/a.mp4', 'two/a.webm'];

type Options = Parameters<typeof textsFor>[1];

let folder: string;
const at = (...names: string[]): string => join(folder, ...names);
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'wbdc-inputs-'));
  for (const name of FILES) {
    await mkdir(at('pets', name, '..'), { recursive: true });
    await writeFile(at('pets', name), 'x');
  }
  await mkdir(at('shots'));
  await sharp({ create: { width: 2, height: 2, channels: 3, background: 'red' } }).toFile(at('shots/1.png'));
});
afterAll(() => rm(folder, { recursive: true }));
afterEach(() => vi.unstubAllEnvs());

const idsOf = async (...paths: string[]): Promise<string[]> =>
  (await askedVideos(paths.map((path) => at(path)))).videos.map(({ id }) => id);

describe('the videos that paths mean', () => {
  it('have their paths below the folder for ids, and their names where these are official', async () => {
    expect(await idsOf('pets')).toEqual([
      ...['cats/001', 'dogs/001', 'dogs/old/001', 'two/a.mp4', 'two/a.webm', OFFICIAL],
    ]);
    expect(await idsOf('pets/cats', 'shots')).toEqual(['001', 'shots']);
  });

  it('say where they are below the folder of all where their names are the same', async () => {
    expect(await idsOf('pets/cats/001.mp4', 'pets/dogs/001.mp4')).toEqual(['cats/001', 'dogs/001']);
    expect(await idsOf('pets/cats', 'pets/dogs')).toEqual(['cats/001', 'dogs/001', 'old/001']);
    await expect(idsOf('pets/cats/001.mp4', 'pets/cats')).rejects.toThrow('expected every name once, got');
  });

  it('may be addresses: one video each, named without what signs them', async () => {
    const [one, other] = ['https://me:pass@h/cats/%E7%8C%AB.zip?sig=1', 's3://bucket/dogs/001.mp4'];
    const { videos, root } = await askedVideos([one, other], folder);
    expect(root).toBe('');
    const path = 'https://h/cats/%E7%8C%AB.zip';
    expect(videos).toEqual([
      { id: '猫', path, name: path, location: one },
      { id: '001', path: other, name: other, location: other },
    ]);
    const mixed = await askedVideos(['pets/cats/001.mp4', other, 'pets/dogs'], folder);
    expect(mixed.root).toBe(at('pets'));
    expect(mixed.videos.map(({ id }) => id)).toEqual(['cats/001', 's3://bucket/dogs/001', 'dogs/001', 'old/001']);
    await expect(askedVideos([one, one])).rejects.toThrow(`expected every name once, got ${path} twice`);
  });
});

/** What textsFor shows, and the signal that ends it. */
function showing(signal = new AbortController().signal) {
  const host = new TestHost(folder);
  return { host, output: new Output(host, {}), signal };
}

describe('texts of videos', () => {
  const table = async (rows: readonly string[], ...paths: string[]) => {
    await writeFile(at('t.csv'), `video,title\n${rows.join('\n')}\n`);
    const asked = await askedVideos(paths.map((path) => at(path)));
    const options = { texts: 't.csv', column: [] } as Partial<Options> as Options;
    const shown = showing();
    const textOf = await textsFor(asked, options, at, shown);
    const warned = shown.host.err.split('\n').flatMap((line) => line.replace(/^warning: /, '') || []);
    return { titles: asked.videos.map(({ id }) => textOf(id).title), warned };
  };

  it('are found by the path, by the name where one has it, and told where several do', async () => {
    const rows = ['cats/001.mp4,a', 'dogs/001,b', `${OFFICIAL},d`, '001,x', 'gone.mp4,y', 'dogs/001.mp4,z'];
    const { titles, warned } = await table([...rows, `${join('/elsewhere', 'a.webm')},w`], 'pets');
    expect(titles).toEqual(['a', 'b', undefined, undefined, 'w', 'd']);
    expect(warned).toEqual([
      expect.stringMatching(/^bad row: .*row 5: '001' names more than one video: write its path$/),
      expect.stringMatching(/^second row: .*row 7: 'dogs\/001.mp4' after .*row 3$/),
      "2 videos without a text, 'dogs/old/001' for one",
    ]);
    expect((await table(['cats/001,a', 'dogs/001.mp4,b'], 'pets/cats/001.mp4', 'pets/dogs/001.mp4')).titles).toEqual([
      ...['a', 'b'],
    ]);
    expect((await table([`${at('pets/dogs/001.mp4')},b`], 'pets/dogs')).titles).toEqual(['b', undefined]);
  });

  it('are found by an address, and by the last part of one', async () => {
    await writeFile(at('t.csv'), 'video,title\nhttps://h/a/1.mp4,一\n2.mp4,二\n');
    const asked = await askedVideos(['https://h/a/1.mp4?sig=x', 'https://h/b/2.mp4']);
    const textOf = await textsFor(asked, { texts: 't.csv', column: [] } as Partial<Options> as Options, at, showing());
    expect(asked.videos.map(({ id }) => textOf(id).title)).toEqual(['一', '二']);
  });

  it('take the name for a title with --title-from-name, where a table gives none', async () => {
    await writeFile(at('t.csv'), 'video,title\ncats/001.mp4,给出的\n');
    const asked = await askedVideos([at('pets/cats'), at('pets/two'), at('shots')]);
    const titlesBy = async (more: object): Promise<(string | undefined)[]> => {
      const options = { column: [], titleFromName: true, ...more } as Partial<Options> as Options;
      const shown = showing();
      const textOf = await textsFor(asked, options, at, shown);
      expect(shown.host.err).toBe('');
      return asked.videos.map(({ id }) => textOf(id).title);
    };
    expect(await titlesBy({})).toEqual(['001', 'a', 'a', 'shots']);
    expect(await titlesBy({ texts: 't.csv' })).toEqual(['给出的', 'a', 'a', 'shots']);
  });

  it('are recognised where that is asked for: how far it is shows, and a signal ends it', async () => {
    vi.stubEnv('XDG_CACHE_HOME', at('cache'));
    const asked = await askedVideos([at('shots')]);
    const options = { column: [], ocrCommand: 'echo 第1次 #' } as Partial<Options> as Options;
    const shown = showing();
    const textOf = await textsFor(asked, options, at, shown);
    expect(textOf('shots').ocr).toEqual([{ time: 0, text: expect.stringMatching(/^第\d+次$/) as string }]);
    expect(shown.host.err).toBe('1/1 videos (100 %), recognising texts\n');
    const ended = showing(AbortSignal.abort(new Error('enough')));
    await expect(textsFor(asked, options, at, ended)).rejects.toThrow('enough');
    // Of a video on a server nothing is.
    const far = { ...showing(), asked: await askedVideos(['https://h/1.mp4?sig=x']) };
    expect((await textsFor(far.asked, options, at, far))('1').ocr).toBeUndefined();
    expect(far.host.err).toContain('https://h/1.mp4: no text by OCR: expected a video on this machine, got an address');
    // Where nothing gives a text, that is said.
    const silent = showing();
    await textsFor(asked, { column: [] } as Partial<Options> as Options, at, silent);
    expect(silent.host.err).toBe('warning: no texts given: the frames alone decide; see --title and --texts\n');
  });
});
