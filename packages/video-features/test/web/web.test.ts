import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { chromium, type Browser, type Page } from 'playwright-core';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findBrowser, PAGE_PATIENCE } from '../../../../tools/browser-runtime.js';
import { openFrameSource } from '../../src/index.js';

const program = findBrowser();
const ffmpeg = ((): boolean => {
  try {
    execFileSync('ffmpeg', ['-version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
})();
const missing = program === undefined ? 'Chromium' : ffmpeg ? undefined : 'ffmpeg';
if (missing !== undefined) console.warn(`frames of a browser are not tried: no ${missing} on the PATH`);

interface Told {
  readonly times: number[];
  readonly sizes: number[][];
  readonly means: number[][];
}

/** What the page makes of a file: times, sizes and mean colours of its frames. */
const PROGRAM = `
import { videoFrames, picturePixels } from '@wbdc/video-features/web';
const mean = ({ data }) => [0, 1, 2].map((c) => {
  let sum = 0;
  for (let i = c; i < data.length; i += 4) sum += data[i];
  return (4 * sum) / data.length;
});
globalThis.look = async (text, type, kind, options) => {
  const file = new File([Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0))], 'a file', { type });
  try {
    const { frames, times } = kind === 'picture'
      ? { frames: [await picturePixels(file)], times: [0] }
      : await videoFrames(file, options);
    return { times, sizes: frames.map(({ width, height }) => [width, height]), means: frames.map(mean) };
  } catch (error) {
    return String(error);
  }
};
`;

const required = process.env['WBDC_REQUIRE_BROWSER'] !== undefined;

describe.skipIf(missing !== undefined && !required)('frames that a browser decodes', () => {
  let browser: Browser;
  let page: Page;
  let folder: string;
  let path: string;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'wbdc-web-'));
    path = join(folder, 'colours.webm');
    const colours = ['red', 'lime', 'blue'].map((colour) => `color=${colour}:s=96x64:d=1:r=10`);
    const inputs = colours.flatMap((colour) => ['-f', 'lavfi', '-i', colour]);
    const join3 = ['-filter_complex', 'concat=n=3', '-c:v', 'libvpx', '-b:v', '200k'];
    execFileSync('ffmpeg', [...inputs, ...join3, '-loglevel', 'error', '-y', path]);
    const { outputFiles } = await build({
      stdin: { contents: PROGRAM, resolveDir: import.meta.dirname },
      ...{ bundle: true, write: false, platform: 'browser', format: 'iife', conditions: ['@wbdc/source'] },
    });
    browser = await chromium.launch({ executablePath: program!, args: ['--no-sandbox'] });
    page = await browser.newPage();
    page.setDefaultTimeout(PAGE_PATIENCE);
    await page.addScriptTag({ content: outputFiles[0].text });
  });
  afterAll(async () => {
    await browser?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const look = (bytes: Buffer, type: string, kind: string, options = {}): Promise<Told | string> =>
    page.evaluate(
      ([text, ...rest]) => (globalThis as object as { look(...given: unknown[]): Promise<Told> }).look(text, ...rest),
      [bytes.toString('base64'), type, kind, options] as const,
    );

  it('of a video are those of Node, one a second', async () => {
    const told = (await look(readFileSync(path), 'video/webm', 'video')) as Told;
    expect(told.times).toEqual([0, 1, 2]);
    expect(told.sizes).toEqual([
      [96, 64],
      [96, 64],
      [96, 64],
    ]);
    const source = await openFrameSource(path, { backend: 'ffmpeg' });
    const indices = [0, 1, 2].map((second) => source.times!.findIndex((time) => time >= second - 0.01));
    let i = 0;
    for await (const { data } of source.read(indices)) {
      const mean = [0, 1, 2].map((c) => data.reduce((sum, v, k) => sum + (k % 3 === c ? v : 0), 0) / (data.length / 3));
      told.means[i++].forEach((value, c) => expect(Math.abs(value - mean[c])).toBeLessThan(6));
    }
    expect(i).toBe(3);
    await source.close();
  });

  it('are shrunk, and of many so many evenly', async () => {
    const told = (await look(readFileSync(path), 'video/webm', 'video', { fps: 5, limit: 4, side: 32 })) as Told;
    expect(told.times).toHaveLength(4);
    expect(told.sizes[0]).toEqual([48, 32]);
  });

  it('of a picture are its pixels', async () => {
    const png = await sharp({ create: { width: 5, height: 4, channels: 3, background: { r: 10, g: 200, b: 30 } } })
      .png()
      .toBuffer();
    expect(await look(png, 'image/png', 'picture')).toEqual({ times: [0], sizes: [[5, 4]], means: [[10, 200, 30]] });
  });

  it('of what is none are refused in words', async () => {
    const text = Buffer.from('no video at all');
    expect(await look(text, 'video/webm', 'video')).toMatch(/SourceError: a video: expected one that this browser/);
    expect(await look(text, 'image/png', 'picture')).toMatch(/SourceError: a file: expected a picture that this/);
    expect(await look(readFileSync(path), 'video/webm', 'video', { fps: 0 })).toMatch(/expected fps, limit and side/);
  });
});
