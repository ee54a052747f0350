import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { parseSafetensors } from '@wbdc/checkpoints';
import { dot } from '@wbdc/metrics';
import type { Floats } from '@wbdc/nn';
import { finetuneInMemory, openTrained, type TrainedInput } from '@wbdc/pipeline';
import { publishSite, serveSite, type RunningSite, type Site } from '@wbdc/web';
import { chromium, type Browser, type BrowserContextOptions, type Page } from 'playwright-core';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findBrowser, PAGE_PATIENCE } from '../../../tools/browser-runtime.js';
import { makeWorld } from './world.js';

const CHROMIUM = findBrowser();
/** WebGPU on the processor. */
const FLAGS = ['--no-sandbox', '--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader'];
/** Where pictures of the page are kept for people to look at; nowhere by default. */
const SCREENSHOTS = process.env['WBDC_SCREENSHOTS'];
const STEPS = 3;

if (CHROMIUM === undefined) console.warn('the page is not tried: no Chromium on the PATH');

/** What a page says of a video: names with their numbers. */
type Told = Readonly<Record<'categories' | 'tags' | 'near', readonly (readonly [string, number])[]>>;

describe.skipIf(CHROMIUM === undefined && process.env['WBDC_REQUIRE_BROWSER'] === undefined)('the page', () => {
  let folder: string;
  let server: RunningSite;
  let plain: RunningSite;
  let browser: Browser;
  let site: Site;
  let tables: Readonly<Record<'embeddings' | 'features', Floats>>;
  const problems: string[] = [];

  beforeAll(async () => {
    await tf.setBackend('cpu');
    const world = await makeWorld();
    folder = world.folder;
    await publishSite(world);
    const untold = { ...world, categories: undefined, out: join(folder, 'untold') };
    await publishSite(untold);
    [server, plain] = [await serveSite(world.out), await serveSite(untold.out)];
    site = JSON.parse(await readFile(join(world.out, 'site.json'), 'utf8')) as Site;
    const { tensors } = parseSafetensors(await readFile(join(world.out, 'videos.safetensors')), 'videos');
    tables = { embeddings: tensors['embeddings'] as Floats, features: tensors['features'] as Floats };
    // The driver that tests in Node take is not for a browser, which brings its own.
    const own = new Set(['VK_ICD_FILENAMES', 'VK_INSTANCE_LAYERS']);
    const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !own.has(name)));
    browser = await chromium.launch({ executablePath: CHROMIUM!, args: FLAGS, env: env as Record<string, string> });
  });
  afterAll(async () => {
    await browser?.close();
    await server?.close();
    await plain?.close();
  });

  /** A page that tells what goes wrong in it, and what it asks of others. */
  async function open(query = '?engine=cpu', options: BrowserContextOptions = {}, { url } = server): Promise<Page> {
    const page = await (await browser.newContext({ locale: 'zh-CN', ...options })).newPage();
    page.setDefaultTimeout(PAGE_PATIENCE);
    page.on('console', (message) => message.type() === 'error' && problems.push(message.text()));
    page.on('pageerror', (error) => problems.push(String(error)));
    page.on('request', (request) => {
      if (!request.url().startsWith(url) && !request.url().startsWith('blob:')) problems.push(`asks ${request.url()}`);
    });
    await page.goto(url + query);
    await page.waitForSelector('.examples button');
    return page;
  }

  async function toldIn(page: Page): Promise<Told> {
    await page.waitForSelector('.results');
    const rows = (path: string): Promise<[string, number][]> =>
      page.locator(path).evaluateAll((items) => {
        return items.map((item) => {
          const { name, value } = (item as unknown as { dataset: Record<'name' | 'value', string> }).dataset;
          return [name, Number(value)];
        });
      });
    return {
      categories: await rows('.results > :nth-child(2) .bars li'),
      tags: await rows('.results > :nth-child(3) .bars li'),
      near: await rows('.near .card'),
    };
  }

  /** What the same models say in Node. */
  async function toldHere(input: TrainedInput, without?: string): Promise<Told> {
    await using tags = await openTrained(join(folder, 'site/models/tags'));
    const tower = join(folder, 'site/models/tags/tower');
    await using named = await openTrained(join(folder, 'site/models/categories'), { tower });
    const [{ categories }] = await named.classify([input], { top: 5 });
    const [tagged] = await tags.tag([input], { top: 8 });
    const [{ embedding }] = await tags.embed([input]);
    const width = embedding.length;
    const cosines = site.videos.map(({ id }, i): [string, number] => {
      return [id, dot(tables.embeddings.data.subarray(i * width, (i + 1) * width), embedding)];
    });
    const near = cosines.filter(([id]) => id !== without).sort((a, b) => b[1] - a[1]);
    return {
      categories: categories.map(({ category, probability }) => [category, probability]),
      tags: tagged.tags.map(({ tag, probability }) => [tag, probability]),
      near: near.slice(0, 12),
    };
  }

  function expectSame(actual: Told, expected: Told, within = 1e-5): void {
    for (const what of ['categories', 'tags', 'near'] as const) {
      expect(actual[what]).toHaveLength(expected[what].length);
      expect(expected[what].length).toBeGreaterThan(2);
      const values = new Map(expected[what]);
      for (const [name, value] of actual[what]) expect(Math.abs(value - values.get(name)!)).toBeLessThan(within);
    }
  }

  /** Lets a file fall on the page. */
  const drop = (page: Page, name: string, type: string, buffer: Buffer): Promise<void> =>
    page.evaluate(`
      const data = new DataTransfer();
      const bytes = Uint8Array.from(atob('${buffer.toString('base64')}'), (c) => c.charCodeAt(0));
      data.items.add(new File([bytes], '${name}', { type: '${type}' }));
      document.querySelector('.own').dispatchEvent(
        new DragEvent('drop', { dataTransfer: data, bubbles: true, cancelable: true }),
      );
    `);

  /** The videos to learn from, as the page takes them. */
  function labelled() {
    const [, width] = tables.features.shape;
    return site.videos.slice(0, 9).map(({ id, title, ocr, asr, category, frames }, i) => {
      const data = tables.features.data.slice(2 * i * width, 2 * (i + 1) * width);
      return { id, title, ocr, asr, category: category!, features: { data, shape: [frames, width] } };
    });
  }

  /** What axe finds, with the first element of each. */
  async function violations(page: Page): Promise<string[]> {
    // As a tester's own, past the page's rules.
    const text = await readFile(createRequire(import.meta.url).resolve('axe-core'), 'utf8');
    await page.evaluate(text);
    return page.evaluate<string[]>(
      'axe.run().then(({ violations }) => violations.map(({ id, nodes }) => `${id}: ${nodes[0].html}`))',
    );
  }

  const shot = async (page: Page, name: string): Promise<void> => {
    if (SCREENSHOTS !== undefined)
      await page.screenshot({ path: join(SCREENSHOTS, `web-${name}.png`), fullPage: true });
  };

  it.each(['cpu', 'wasm', 'webgpu'])('says and learns on %s what Node does', async (engine) => {
    const page = await open(`?engine=${engine}`);
    expect(await page.inputValue('.engine select')).toBe(engine);
    await page.locator('.examples button').nth(1).click();
    const { id, title, ocr, asr, frames } = site.videos[10];
    const data = tables.features.data.slice(2 * 10 * 8, 2 * 11 * 8);
    const input = { title, ocr, asr, features: { data, shape: [frames, 8] } };
    expectSame(await toldIn(page), await toldHere(input, id));

    await page.fill('input[name=steps]', String(STEPS));
    await page.click('.training button[type=submit]');
    await page.waitForSelector('.reached li:nth-child(2)');
    const losses = (await page.getAttribute('figure', 'data-losses'))!.split(' ').map(Number);
    const expected: number[] = [];
    const options = { steps: STEPS, batchSize: 8, onStep: ({ loss }: { loss: number }) => void expected.push(loss) };
    const { classes } = await finetuneInMemory(join(folder, 'site/models/tags'), labelled(), options);
    expect(losses).toHaveLength(STEPS);
    losses.forEach((loss, step) => expect(Math.abs(loss - expected[step])).toBeLessThan(1e-5));
    // The page's own model now tells the categories of the video that is shown.
    await expect.poll(async () => (await toldIn(page)).categories.map(([name]) => name).sort()).toEqual(classes);
    await page.context().close();
  });

  it('takes a picture of one’s own with a title, chosen or dropped', async () => {
    const picture = { create: { width: 20, height: 16, channels: 3, background: { r: 200, g: 30, b: 90 } } } as const;
    const { data, info } = await sharp(picture).raw().toBuffer({ resolveWithObject: true });
    const buffer = await sharp(picture).png().toBuffer();
    const frames = [{ data: new Uint8Array(data), width: info.width, height: info.height }];
    const expected = await toldHere({ frames, title: '红色的车' });
    const page = await open();
    await page.fill('.title input', '红色的车');
    await page.setInputFiles('input[type=file]', { name: 'a.png', mimeType: 'image/png', buffer });
    expectSame(await toldIn(page), expected);
    expect(await page.textContent('#results')).toMatch(/^“红色的车”的结果/);
    await shot(page, 'own');

    await page.reload();
    await page.waitForSelector('.examples button');
    await page.fill('.title input', '红色的车');
    await drop(page, 'a.png', 'image/png', buffer);
    expectSame(await toldIn(page), expected);
    await page.setInputFiles('input[type=file]', { name: 'a.mp4', mimeType: 'video/mp4', buffer: Buffer.from('no') });
    await expect.poll(() => page.textContent('#results')).toMatch(/expected one that this browser decodes/);
    await page.context().close();
  });

  it('takes a video: a frame of each second, as the browser decodes it', async () => {
    const [width, height] = [64, 48];
    // A second each of red, lime and blue: fixtures/colours.sh.
    const frames = ['#f00', '#0f0', '#00f'].map((colour) => {
      const rgb = [...colour.slice(1)].map((digit) => (digit === 'f' ? 255 : 0));
      return { data: Uint8Array.from({ length: 3 * width * height }, (_, i) => rgb[i % 3]), width, height };
    });
    const page = await open();
    const expected = await toldHere({ frames, title: '三种颜色' });
    const videos = [
      ['VP8', 'colours.webm', 'video/webm; codecs="vp8"'],
      ['VP9', 'colours-vp9.webm', 'video/webm; codecs="vp9"'],
      ['AV1', 'colours-av1.webm', 'video/webm; codecs="av01.0.04M.08"'],
      ['H.264', 'colours-h264.mp4', 'video/mp4; codecs="avc1.42E01E"'],
      ['MPEG-4', 'colours-mpeg4.mp4', 'video/mp4; codecs="mp4v.20.9"'],
    ] as const;
    const plays = (type: string): Promise<boolean> =>
      page.evaluate(`document.createElement('video').canPlayType('${type}') === 'probably'`);
    const played: string[] = [];
    for (const [codec, , type] of videos) if (await plays(type)) played.push(codec);
    expect(played).toEqual(expect.arrayContaining(['VP8', 'VP9'])); // Debian's Chromium: AV1 and H.264 too
    expect(played).not.toContain('MPEG-4');
    for (const [codec, file, type] of videos) {
      await page.reload();
      await page.waitForSelector('.examples button');
      await page.fill('.title input', '三种颜色');
      await drop(page, file, type.split(';')[0], await readFile(join(import.meta.dirname, 'fixtures', file)));
      if (played.includes(codec)) {
        expectSame(await toldIn(page), expected, 3e-6); // others differ by 3e-5
        expect(await page.textContent('.subject small')).toBe('3 帧');
        if (codec === 'VP8') await shot(page, 'video');
        continue;
      }
      const told = () => page.textContent('#results');
      await expect.poll(told).toContain(`expected one that this browser decodes (${played.join(', ')}`);
    }
    await page.context().close();
  });

  it('says that no model tells categories until one is trained; by keyboard alone, and stops when asked', async () => {
    const page = await open('?engine=cpu', {}, plain);
    await page.locator('.examples button').first().focus();
    await page.keyboard.press('Enter');
    await page.waitForSelector('.results');
    expect(await page.textContent('.results')).toContain('还没有类别模型');
    await page.fill('input[name=steps]', '2000');
    await page.keyboard.press('Enter');
    await page.waitForSelector('figure');
    await page.getByText('停止').focus();
    await page.keyboard.press('Enter');
    await page.waitForSelector('.reached li');
    expect(await page.textContent('.training [role=status]')).toMatch(/^训练了 \d{1,3} 步/);
    await expect.poll(async () => (await toldIn(page)).categories.length).toBe(3);
    await page.context().close();
  });

  it('speaks English too', async () => {
    const page = await open('?engine=cpu', { locale: 'en-GB' });
    expect(await page.getAttribute('html', 'lang')).toBe('en');
    await page.locator('.examples button').first().click();
    await page.waitForSelector('.results');
    expect(await page.textContent('.results')).toContain('cosine');
    await page.getByText('中文').click();
    expect(await page.textContent('h1')).toBe('短视频理解');
    await page.context().close();
  });

  it.each([
    ['light', { colorScheme: 'light' }],
    ['dark', { colorScheme: 'dark' }],
    ['narrow', { colorScheme: 'light', viewport: { width: 320, height: 640 } }],
  ] as const)('has nothing that axe finds, nor what is wider than the screen: %s', async (name, options) => {
    const page = await open('?engine=cpu', options);
    await page.locator('.examples button').first().click();
    await page.fill('input[name=steps]', '2');
    await page.click('.training button[type=submit]');
    await page.waitForSelector('.reached li:nth-child(2)');
    expect(await violations(page)).toEqual([]);
    expect(await page.evaluate('document.documentElement.scrollWidth <= innerWidth')).toBe(true);
    await shot(page, name);
    await page.context().close();
  });

  it('fails nowhere, breaks no rule of its own and asks nobody else', () => {
    expect(problems).toEqual([]);
  });
});
