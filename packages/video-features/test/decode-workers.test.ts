import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { build } from 'vite';
import { mkdtemp, rm } from 'node:fs/promises';
import { zipSync } from 'fflate';
import { CLIP_PREPROCESSING, SourceError, decodeVideo, decodeWorkers, type DecodeWorkers } from '../src/index.js';
import { fixtureBytes } from './fixtures.js';
import { temporaryFolder } from './folder.js';

const settings = {
  preprocessing: { ...CLIP_PREPROCESSING, imageSize: 11 },
  sampling: { kind: 'random', limit: 2, seed: 5 },
} as const;

/** Tests run from source, and a thread of Node cannot load TypeScript: bundles the thread's program. */
async function bundle(outDir: string): Promise<URL> {
  await build({
    configFile: false,
    logLevel: 'silent',
    resolve: { conditions: ['@wbdc/source'] },
    ssr: { noExternal: [/^@wbdc/], resolve: { conditions: ['@wbdc/source'] } },
    build: { ssr: resolve(import.meta.dirname, '../src/decode-worker.ts'), outDir, emptyOutDir: false },
  });
  return pathToFileURL(join(outDir, 'decode-worker.js'));
}

describe('decodeWorkers', () => {
  let folder: string;
  let workers: DecodeWorkers;
  let program: URL;
  beforeAll(async () => {
    folder = await mkdtemp(resolve(import.meta.dirname, '.worker-')); // here its imports resolve
    program = await bundle(folder);
    workers = decodeWorkers({ threads: 2, program });
  });
  afterAll(async () => {
    await workers.close();
    await rm(folder, { recursive: true });
  });

  it('decodes as this thread does', async () => {
    const path = join(temporaryFolder(), 'v.zip');
    writeFileSync(path, zipSync(Object.fromEntries([1, 2, 3, 4].map((i) => [`${i}`, fixtureBytes('wide.jpg')]))));
    const videos = ['a', 'b', 'c', 'd', 'e'].map((id) => ({ id, path }));
    const decoded = await Promise.all(videos.map((video) => workers.decode(video, settings)));
    const own = await Promise.all(videos.map((video) => decodeVideo(video, settings)));
    expect(decoded).toEqual(own);
  });

  it('keeps apart what is the fault of a video', async () => {
    await expect(workers.decode({ id: 'a', path: '/nowhere' }, settings)).rejects.toThrow(SourceError);
    const wrong = { ...settings, preprocessing: { ...settings.preprocessing, imageSize: -1 } };
    const path = join(temporaryFolder(), 'v.jpg');
    writeFileSync(path, fixtureBytes('wide.jpg'));
    const failing = workers.decode({ id: 'a', path }, wrong);
    await expect(failing).rejects.toThrow(Error);
    await expect(failing).rejects.not.toThrow(SourceError);
  });

  it('fails with a thread that is gone, instead of waiting', async () => {
    const closing = decodeWorkers({ threads: 1, program });
    const waiting = closing.decode({ id: 'a', path: '/nowhere' }, settings);
    await closing.close();
    await expect(waiting).rejects.toThrow('a decoding thread ended');
    await expect(closing.decode({ id: 'a', path: '/nowhere' }, settings)).rejects.toThrow('a decoding thread ended');
  });

  it('says when it is not built', () => {
    expect(() => decodeWorkers({ threads: 1 })).toThrow('build the package (npx tsc -b)');
  });
});
