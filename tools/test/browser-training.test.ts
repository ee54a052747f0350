import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { build } from 'esbuild';
import { chromium, type Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findBrowser, PAGE_PATIENCE } from '../browser-runtime.js';
import { trainSmall, type SmallRun } from '../small-training.js';

const program = findBrowser();
/** WebGPU on the processor. */
const FLAGS = ['--no-sandbox', '--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader'];
/** Nobody listens there: the test answers. A page of `localhost` may use WebGPU. */
const ORIGIN = 'http://localhost:1';

/** The page's program, and tfjs's WebAssembly, by the path they are asked for. */
async function site(): Promise<Map<string, Uint8Array | string>> {
  const { outputFiles } = await build({
    entryPoints: [join(import.meta.dirname, '..', 'browser-training.ts')],
    ...{ bundle: true, write: false, platform: 'browser', format: 'esm', logLevel: 'silent' },
    conditions: ['@wbdc/source'],
  });
  const wasm = dirname(createRequire(import.meta.url).resolve('@tensorflow/tfjs-backend-wasm/package.json'));
  const names = ['tfjs-backend-wasm.wasm', 'tfjs-backend-wasm-simd.wasm', 'tfjs-backend-wasm-threaded-simd.wasm'];
  const files = new Map<string, Uint8Array | string>([['/page.js', outputFiles[0].contents]]);
  for (const name of names) files.set(`/${name}`, await readFile(join(wasm, 'dist', name)));
  return files.set('/', '<!doctype html><meta charset="utf-8"><script type="module" src="/page.js"></script>');
}

if (program === undefined) console.warn('training in a page is not tried: no Chromium on the PATH');

describe.skipIf(program === undefined && process.env['WBDC_REQUIRE_BROWSER'] === undefined)(
  'a page trains as Node does',
  () => {
    let browser: Browser;
    let expected: SmallRun;
    let files: Map<string, Uint8Array | string>;

    beforeAll(async () => {
      await tf.setBackend('cpu');
      expected = await trainSmall(3);
      files = await site();
      // The driver that tests in Node take is not for a browser, which brings its own.
      const own = new Set(['VK_ICD_FILENAMES', 'VK_INSTANCE_LAYERS']);
      const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !own.has(name)));
      browser = await chromium.launch({ executablePath: program!, args: FLAGS, env: env as Record<string, string> });
    });
    afterAll(() => browser?.close());

    it.each(['cpu', 'wasm', 'webgpu'])('on %s', async (engine) => {
      const page = await browser.newPage();
      page.setDefaultTimeout(PAGE_PATIENCE);
      const problems: string[] = [];
      page.on('pageerror', (error) => problems.push(error.stack ?? error.message));
      await page.route('**', (route) => {
        const path = new URL(route.request().url()).pathname;
        const body = files.get(path);
        const contentType = path.endsWith('.js') ? 'text/javascript' : path === '/' ? 'text/html' : 'application/wasm';
        return body === undefined
          ? route.fulfill({ status: 404 })
          : route.fulfill({ contentType, body: typeof body === 'string' ? body : Buffer.from(body) });
      });
      await page.goto(`${ORIGIN}/?engine=${engine}`);
      const answer = page.waitForFunction(() => (globalThis as { told?: object }).told);
      const actual = (await answer
        .then((told) => told.jsonValue())
        .catch((error: unknown) => {
          throw new Error(`${String(error)}\n${problems.join('\n')}`);
        })) as SmallRun & { error?: string };
      expect(actual.error).toBeUndefined();
      expect(actual.left).toBe(0);
      actual.cls.forEach((value, i) => expect(Math.abs(value - expected.cls[i])).toBeLessThan(1e-5));
      actual.losses.forEach((loss, step) => expect(Math.abs(loss - expected.losses[step])).toBeLessThan(1e-5));
      actual.norms.forEach((norm, step) => expect(norm / expected.norms[step]).toBeCloseTo(1, 5));
      expect(actual.weights / expected.weights).toBeCloseTo(1, 6);
      await page.close();
    });
  },
);
