import { mkdir, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { TrainedModel } from '@wbdc/pipeline';
import { openIndex, type VideoIndex } from '@wbdc/search';
import type { RunningServer } from '@wbdc/serve';
import { chromium, type Browser, type BrowserContextOptions, type Page } from 'playwright-core';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findBrowser, PAGE_PATIENCE } from '../../../tools/browser-runtime.js';
import { openFixture, post, scratchFolder, serve, VIDEO } from './served.js';

/** A browser of the system: nothing is downloaded. */
const CHROMIUM = findBrowser();
/** No GPU is played by the processor, which draws the page itself in less time. */
const FLAGS = ['--no-sandbox', '--disable-gpu'];
/** Where pictures of the page are kept for people to look at; nowhere by default. */
const SCREENSHOTS = process.env['WBDC_SCREENSHOTS'];

let folder: string;
let model: TrainedModel;
let index: VideoIndex;
let server: RunningServer;
let browser: Browser;
const problems: string[] = [];

const TITLES = ['一只黑猫在雨中', '红色的汽车', '白猫睡觉', '煮面条', '海边的狗', '下雨的街道'];

if (CHROMIUM === undefined) console.warn(`the page is not tried: no Chromium on the PATH`);

describe.skipIf(CHROMIUM === undefined && process.env['WBDC_REQUIRE_BROWSER'] === undefined)('the page', () => {
  beforeAll(async () => {
    folder = await scratchFolder();
    await mkdir(join(folder, 'media'));
    const rows = TITLES.map(async (title, i) => {
      const frame = (x: number) => {
        const hue = 60 * i;
        const sky = `<rect width="192" height="144" fill="hsl(${hue} 55% 70%)"/>`;
        const ball = `<circle cx="${x}" cy="80" r="34" fill="hsl(${hue + 30} 80% 45%)"/>`;
        const ground = `<rect y="104" width="192" height="40" fill="hsl(${hue} 35% 40%)"/>`;
        const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="192" height="144">${sky}${ball}${ground}</svg>`;
        return sharp(Buffer.from(svg)).png().toBuffer();
      };
      const path = join(folder, `media/${i}.gif`);
      await sharp([await frame(60), await frame(130)], { join: { animated: true } })
        .gif({ delay: 300 })
        .toFile(path);
      return { id: `v${i}`, path, title, categories: [i % 2 ? '生活' : '宠物'], tags: i < 3 ? ['热门'] : [] };
    });
    model = await openFixture('similarity');
    index = await openIndex(join(folder, 'index'), { create: true });
    server = await serve({
      ...{ models: { vectors: model }, index, media: [join(folder, 'media')] },
      corrections: join(folder, 'corrections.jsonl'),
    });
    const { status } = await post(server, '/v1/index', { rows: await Promise.all(rows) });
    expect(status).toBe(200);
    browser = await chromium.launch({ executablePath: CHROMIUM!, args: FLAGS });
  });
  afterAll(async () => {
    await browser?.close();
    await server?.close();
    await index?.close();
    await model?.close();
  });

  /** A page that tells what goes wrong in it, and what it asks of others. */
  async function open(options: BrowserContextOptions = {}, url = server.url): Promise<Page> {
    const context = await browser.newContext({ locale: 'zh-CN', ...options });
    const page = await context.newPage();
    page.setDefaultTimeout(PAGE_PATIENCE);
    page.on('console', (message) => message.type() === 'error' && problems.push(message.text()));
    page.on('pageerror', (error) => problems.push(String(error)));
    page.on('request', (request) => {
      if (!request.url().startsWith(url) && !request.url().startsWith('blob:')) problems.push(`asks ${request.url()}`);
    });
    await page.goto(url);
    await page.waitForSelector('[role=search], .token');
    return page;
  }

  async function search(page: Page, words: string): Promise<void> {
    await page.fill('input[type=search]', words);
    await page.keyboard.press('Enter');
    await page.waitForSelector('.card');
  }

  /** What axe finds, with the first element of each. */
  async function violations(page: Page): Promise<string[]> {
    await page.evaluate(await readFile(createRequire(import.meta.url).resolve('axe-core'), 'utf8'));
    return page.evaluate<string[]>(
      'axe.run().then(({ violations }) => violations.map(({ id, nodes }) => `${id}: ${nodes[0].html}`))',
    );
  }

  const titles = (page: Page): Promise<string[]> => page.locator('.card h2').allTextContents();
  const shot = async (page: Page, name: string): Promise<void> => {
    if (SCREENSHOTS !== undefined) await page.screenshot({ path: join(SCREENSHOTS, `${name}.png`), fullPage: true });
  };

  it('finds by words, and plays what is pointed at or has the focus', async () => {
    const page = await open();
    await search(page, '雨中的猫');
    expect((await titles(page))[0]).toBe('一只黑猫在雨中');
    expect(await page.textContent('[role=status]')).toBe('找到 6 个视频');
    const picture = page.locator('.card img').first();
    await expect.poll(() => picture.getAttribute('src')).toBe('/v1/videos/v0/thumbnail');
    await expect.poll(() => picture.evaluate((image) => 'naturalWidth' in image && image.naturalWidth)).toBe(224);
    await page.hover('.card .screen');
    await expect.poll(() => picture.getAttribute('src')).toBe('/v1/videos/v0/media');
    await page.mouse.move(0, 0);
    await expect.poll(() => picture.getAttribute('src')).toBe('/v1/videos/v0/thumbnail');
    await page.focus('.card .screen');
    await expect.poll(() => picture.getAttribute('src')).toBe('/v1/videos/v0/media');
    await shot(page, 'results');
    await page.context().close();
  });

  it('filters by category and tag', async () => {
    const page = await open();
    await search(page, '猫');
    await page.getByLabel('宠物').check();
    await expect.poll(() => titles(page)).toHaveLength(3);
    await page.getByLabel('热门').check();
    await expect.poll(async () => (await titles(page)).sort()).toEqual(['一只黑猫在雨中', '白猫睡觉']);
    await page.getByText('清除').click();
    await expect.poll(() => titles(page)).toHaveLength(6);
    await page.context().close();
  });

  it('shows more like one, and why it was found', async () => {
    const page = await open();
    await search(page, '雨中的猫');
    await page.getByText('为什么').first().click();
    await expect.poll(() => page.locator('.why mark').allTextContents()).toEqual(['雨中']);
    await expect.poll(() => page.locator('.why meter').count()).toBe(2);
    const bar = sharp(await page.locator('.why meter').first().screenshot())
      .removeAlpha()
      .raw();
    const { data, info } = await bar.toBuffer({ resolveWithObject: true });
    const pixel = (x: number, y: number) =>
      [...data.subarray(3 * (Math.floor(y * info.height) * info.width + Math.floor(x * info.width)))].slice(0, 3);
    expect(pixel(0.1, 0.8)).toEqual(pixel(0.1, 0.2)); // filled from top to bottom
    expect(pixel(0.1, 0.5)).not.toEqual(pixel(0.98, 0.5));
    expect(await page.locator('.why .weights li').count()).toBeGreaterThan(1);
    await shot(page, 'why');
    await page.getByText('更多类似').first().click();
    await expect.poll(() => page.textContent('[role=status]')).toBe('与“一只黑猫在雨中”相似 · 找到 5 个视频');
    await page.context().close();
  });

  it('finds by a video that is chosen or dropped', async () => {
    const page = await open();
    await page.setInputFiles('input[type=file]', VIDEO);
    await page.waitForSelector('.card');
    expect(await page.textContent('[role=status]')).toBe('与文件“video.zip”相似 · 找到 6 个视频');
    const bytes = (await readFile(join(folder, 'media/1.gif'))).toString('base64');
    await page.evaluate(`
      const data = new DataTransfer();
      const bytes = Uint8Array.from(atob('${bytes}'), (c) => c.charCodeAt(0));
      data.items.add(new File([bytes], '1.gif', { type: 'image/gif' }));
      const form = document.querySelector('[role=search]');
      form.dispatchEvent(new DragEvent('drop', { dataTransfer: data, bubbles: true, cancelable: true }));
    `);
    await expect.poll(() => page.textContent('[role=status]')).toBe('与文件“1.gif”相似 · 找到 6 个视频');
    await page.context().close();
  });

  it('keeps a corrected label, by keyboard alone', async () => {
    const page = await open();
    await search(page, '面条');
    const card = page.locator('.card', { hasText: '煮面条' });
    await card.getByText('改标签').focus();
    await page.keyboard.press('Enter');
    await page.waitForSelector('dialog[open]');
    await page.fill('dialog input[name=tags]', '美食， 教程');
    await shot(page, 'labels');
    await page.keyboard.press('Enter');
    await expect.poll(() => page.textContent('[role=status]')).toBe('已保存，下次微调会用到');
    expect(await card.locator('.labels li').allTextContents()).toEqual(['生活', '#美食', '#教程']);
    expect((await index.get(['v3']))[0].tags).toEqual(['美食', '教程']);
    expect(await readFile(join(folder, 'corrections.jsonl'), 'utf8')).toContain('"tags":["美食","教程"]');
    await card.getByText('改标签').click();
    await page.waitForSelector('dialog[open]');
    await page.keyboard.press('Escape');
    await expect.poll(() => page.locator('dialog').count()).toBe(0);
    await page.context().close();
  });

  it('speaks English too', async () => {
    const page = await open({ locale: 'en-GB' });
    expect(await page.getAttribute('html', 'lang')).toBe('en');
    await search(page, '猫');
    expect(await page.textContent('[role=status]')).toBe('6 videos found');
    await page.getByText('中文').click();
    expect(await page.textContent('h1')).toBe('短视频搜索');
    await page.context().close();
  });

  it.each([
    ['light', { colorScheme: 'light' }],
    ['dark', { colorScheme: 'dark' }],
    ['narrow', { colorScheme: 'light', viewport: { width: 320, height: 640 } }],
  ] as const)('has nothing that axe finds, nor what is wider than the screen: %s', async (name, options) => {
    const page = await open({ ...options });
    await search(page, '雨中的猫');
    await page.getByText('为什么').first().click();
    await page.waitForSelector('.why meter');
    expect(await violations(page)).toEqual([]);
    expect(await page.evaluate('document.documentElement.scrollWidth <= innerWidth')).toBe(true);
    await shot(page, name);
    await page.getByText('改标签').first().click();
    await page.waitForSelector('dialog[open]');
    expect(await violations(page)).toEqual([]);
    await page.context().close();
  });

  it('asks for a token where the server wants one', async () => {
    await using closed = await serve({ models: {}, index, media: [join(folder, 'media')], tokens: ['secret'] });
    const page = await open({}, closed.url);
    await page.fill('input[name=token]', 'secret');
    await page.keyboard.press('Enter');
    await page.waitForSelector('[role=search]');
    await search(page, '海边');
    await expect.poll(() => page.locator('.card img').first().getAttribute('src')).toMatch(/^blob:/);
    await page.context().close();
    problems.splice(0, problems.length, ...problems.filter((problem) => !problem.includes('401')));
  });

  it('fails nowhere, breaks no rule of its own and asks nobody else', () => {
    expect(problems).toEqual([]);
  });
});
