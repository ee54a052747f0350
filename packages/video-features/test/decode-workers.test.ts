import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { zipSync } from 'fflate';
import { afterAll, describe, expect, it } from 'vitest';
import { CLIP_PREPROCESSING, SourceError, decodeVideo, decodeWorkers } from '../src/index.js';
import { fixtureBytes } from './fixtures.js';
import { temporaryFolder } from './folder.js';

const settings = {
  preprocessing: { ...CLIP_PREPROCESSING, imageSize: 11 },
  sampling: { kind: 'random', limit: 2, seed: 5 },
} as const;

describe('decodeWorkers', () => {
  const workers = decodeWorkers({ threads: 2 });
  afterAll(() => workers.close());

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
    const closing = decodeWorkers({ threads: 1 });
    const waiting = closing.decode({ id: 'a', path: '/nowhere' }, settings);
    await closing.close();
    await expect(waiting).rejects.toThrow('a decoding thread ended');
    await expect(closing.decode({ id: 'a', path: '/nowhere' }, settings)).rejects.toThrow('a decoding thread ended');
  });
});
