import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { threadsCompiled } from '../compiled.js';

const PACKAGES = resolve(import.meta.dirname, '../../packages');
const transform = threadsCompiled().transform as (text: string, path: string) => Promise<{ code: string } | undefined>;

it('has every module start compiled threads and leaves other modules as they are', async () => {
  const sources = readdirSync(PACKAGES).flatMap((name) =>
    readdirSync(`${PACKAGES}/${name}/src`, { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.ts'))
      .map((file) => `${PACKAGES}/${name}/src/${file}`),
  );
  const started: string[] = [];
  for (const path of sources) {
    const { code = undefined } = (await transform(readFileSync(path, 'utf8'), path)) ?? {};
    for (const [, name, from] of (code ?? '').matchAll(/besideProgram\('([\w-]+)', ("file:.*?")\)/g))
      started.push(fileURLToPath(new URL(`${name}.js`, JSON.parse(from) as string)));
  }
  expect(started.map((path) => path.split('/').at(-1)).sort()).toEqual([
    'batch-worker.js',
    'decode-worker.js',
    'update-worker.js',
    'watch-server.js',
    'watch-worker.js',
  ]);
  expect(started.filter((path) => !existsSync(path))).toEqual([]);
});
