import { lstat, mkdir, mkdtemp, readFile, readdir, readlink, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { HubError, downloadModel, type DownloadOptions, type DownloadProgress } from '../../src/node.js';
import {
  COMMIT,
  FILES,
  WEIGHTS,
  disturb,
  expectWhole,
  hashOf,
  large,
  sendFile,
  startHub,
  type FakeHub,
} from './server.js';

let hub: FakeHub;
let cacheDir: string;
beforeEach(async () => {
  received = 0;
  hub = await startHub(FILES);
  cacheDir = await mkdtemp(join(tmpdir(), 'hub-'));
});
afterEach(async () => {
  await hub.close();
  await rm(cacheDir, { recursive: true, force: true });
});

/** Bytes of the weights that the client has seen. */
let received: number;
const download = ({ onProgress, ...options }: DownloadOptions = {}) =>
  downloadModel('owner/name', {
    hubUrl: hub.url,
    cacheDir,
    delay: 1,
    offline: false,
    onProgress: (progress) => {
      if (progress.file === 'pytorch_model.bin') received = progress.bytes;
      onProgress?.(progress);
    },
    ...options,
  });
const model = (...parts: string[]): string => join(cacheDir, 'models--owner--name', ...parts);
const requestsFor = (path: string): string[] => hub.log.filter((line) => line.includes(path));

/** Sends some bytes from where the request wants them, then breaks the connection. */
const cut =
  (bytes: number): FakeHub['intercept'] =>
  (request, response) => {
    const start = Number(/bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0);
    const range = { 'content-range': `bytes ${start}-${large.length - 1}/${large.length}` };
    response.writeHead(start ? 206 : 200, { ...range, 'content-length': large.length - start });
    response.write(large.subarray(start, start + bytes));
    // Not before they have arrived: a broken connection loses what is under way.
    const timer = setInterval(() => {
      if (received < start + bytes) return;
      clearInterval(timer);
      response.destroy();
    }, 2);
    return true;
  };

describe('a model', () => {
  it('comes in the standard cache, without what is not needed', async () => {
    const progress: DownloadProgress[] = [];
    const result = await download({ onProgress: (p) => progress.push(p) });
    expect(result).toEqual({
      folder: model('snapshots', COMMIT),
      commit: COMMIT,
      files: ['config.json', 'vocab.txt', 'pytorch_model.bin'],
      source: 'hub',
    });
    expect((await readdir(result.folder)).sort()).toEqual(['config.json', 'pytorch_model.bin', 'vocab.txt']);
    await expectWhole(result.folder);
    expect(await readlink(join(result.folder, 'vocab.txt'))).toBe(`../../blobs/${hashOf(FILES['vocab.txt'])}`);
    expect((await readdir(model('blobs'))).sort()).toEqual(result.files.map((name) => hashOf(FILES[name])).sort());
    expect(await readFile(model('refs', 'main'), 'utf8')).toBe(COMMIT);
    expect(progress.at(-1)).toEqual({ file: 'pytorch_model.bin', bytes: large.length, total: large.length });
    expect(progress.filter(({ file }) => file === 'pytorch_model.bin').map(({ bytes }) => bytes)).toEqual(
      progress
        .filter(({ file }) => file === 'pytorch_model.bin')
        .map(({ bytes }) => bytes)
        .sort((a, b) => a - b),
    );
  });

  it('comes with its vision tower and the names of its outputs, and is found again offline', async () => {
    await hub.close();
    const tower = { 'tower/config.json': FILES['config.json'], 'tower/model.safetensors': FILES['pytorch_model.bin'] };
    hub = await startHub({
      ...FILES,
      ...tower,
      'tower/README.md': FILES['vocab.txt'],
      'tag_list.txt': FILES['vocab.txt'],
    });
    const { folder, files } = await download();
    expect(files).toEqual([...Object.keys(tower), 'config.json', 'vocab.txt', 'tag_list.txt', 'pytorch_model.bin']);
    expect((await readdir(join(folder, 'tower'))).sort()).toEqual(['config.json', 'model.safetensors']);
    expect(await download({ offline: true })).toMatchObject({ folder, files, source: 'cache' });
  });

  it('is fetched once, and taken from the cache where there is no connection', async () => {
    await download();
    hub.log.length = 0;
    expect((await download()).source).toBe('hub');
    expect(hub.log).toEqual(['GET /api/models/owner/name/revision/main']);
    expect((await download({ revision: COMMIT })).source).toBe('cache');
    expect((await download({ offline: true })).source).toBe('cache');
    expect(hub.log).toHaveLength(1);
    await hub.close();
    expect(await download()).toMatchObject({ folder: model('snapshots', COMMIT), source: 'cache' });
    hub = await startHub(FILES);
  });

  it('lends the files that Python has fetched', async () => {
    await mkdir(model('blobs'), { recursive: true });
    await mkdir(model('snapshots', COMMIT), { recursive: true });
    await writeFile(model('blobs', hashOf(FILES['pytorch_model.bin'])), large);
    await symlink(`../../blobs/${hashOf(FILES['pytorch_model.bin'])}`, model('snapshots', COMMIT, 'pytorch_model.bin'));
    await download();
    expect(requestsFor(WEIGHTS)).toEqual([]);
  });

  it('may be some files only, in folders too', async () => {
    await hub.close();
    hub = await startHub({ ...FILES, 'onnx/model 1.onnx': { bytes: Buffer.from('onnx'), large: true } });
    const { folder } = await download({ files: ['onnx/model 1.onnx'] });
    expect(await readFile(join(folder, 'onnx/model 1.onnx'), 'utf8')).toBe('onnx');
    expect(await readlink(join(folder, 'onnx/model 1.onnx'))).toMatch(/^\.\.\/\.\.\/\.\.\/blobs\//);
    await expect(download({ files: ['model.onnx'] })).rejects.toThrow(/expected model\.onnx, got \.gitattributes/);
  });

  it('comes as safetensors where there are any, all shards of them', async () => {
    await hub.close();
    const bytes = Buffer.from('x');
    const index = Buffer.from(
      JSON.stringify({ weight_map: { a: 'model-00001-of-00002.safetensors', b: 'model-00002-of-00002.safetensors' } }),
    );
    hub = await startHub({
      ...FILES,
      'model-00002-of-00002.safetensors': { bytes },
      'model-00001-of-00002.safetensors': { bytes: Buffer.from('y'), large: true },
      'model.safetensors.index.json': { bytes: index },
    });
    const { files, folder } = await download();
    expect(files.slice(2)).toEqual([
      'model.safetensors.index.json',
      'model-00001-of-00002.safetensors',
      'model-00002-of-00002.safetensors',
    ]);
    expect((await download({ offline: true })).source).toBe('cache');
    await rm(join(folder, 'model-00002-of-00002.safetensors'));
    await expect(download({ offline: true })).rejects.toThrow(/not complete in .*and offline/);
  });
});

describe('a bad connection', () => {
  it('is continued where it was cut', async () => {
    disturb(hub, cut(100_000), cut(70_000), cut(50_000));
    const { folder } = await download({ attempts: 2 });
    await expectWhole(folder);
    const ranges = requestsFor(WEIGHTS).map((line) => Number(/bytes=(\d+)/.exec(line)?.[1] ?? 0));
    expect(ranges).toEqual([0, 100_000, 170_000, 220_000]);
  });

  it('may be shared by two downloads of the same model', async () => {
    const [a, b] = await Promise.all([download(), download()]);
    expect(a).toEqual(b);
    await expectWhole(a.folder);
    expect((await readdir(model('blobs'))).sort()).toEqual(a.files.map((name) => hashOf(FILES[name])).sort());
  });

  it('leaves what has come for the next run', async () => {
    disturb(hub, cut(100_000));
    await expect(download({ attempts: 1 })).rejects.toMatchObject({ reason: 'unreachable' });
    const blob = model('blobs', `${hashOf(FILES['pytorch_model.bin'])}.incomplete`);
    expect((await lstat(blob)).size).toBe(100_000);
    expect(await readdir(model())).not.toContain('snapshots');
    await download();
    expect(requestsFor(WEIGHTS)).toEqual([`GET ${WEIGHTS}`, `GET ${WEIGHTS} bytes=100000-`]);
  });

  it('starts again with a server that knows no ranges', async () => {
    disturb(hub, cut(100_000), (request, response) => {
      delete request.headers.range;
      sendFile(request, response, FILES['pytorch_model.bin']);
    });
    const { folder } = await download();
    await expectWhole(folder);
  });

  it('is given up after attempts without progress', async () => {
    hub.intercept = (request, response) => request.url === WEIGHTS && (response.destroy(), true);
    const error = await download({ attempts: 3 }).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(HubError);
    expect((error as HubError).message).toMatch(
      /cannot reach http.*pytorch_model\.bin: .*name a mirror.*\(3 attempts\)/,
    );
    expect(requestsFor(WEIGHTS)).toHaveLength(3);
  });

  it('does not wait for ever for a silent server', async () => {
    disturb(
      hub,
      (_, response) => {
        response.writeHead(200, { 'content-length': large.length });
        response.write(large.subarray(0, 5000));
      },
      () => undefined,
    );
    const start = performance.now();
    const { folder } = await download({ idleTimeout: 150 });
    expect(performance.now() - start).toBeLessThan(3000);
    await expectWhole(folder);
  });

  it('waits as long as a busy server asks, and tries again after errors', async () => {
    disturb(
      hub,
      (_, response) => response.writeHead(503).end('busy'),
      (_, response) => response.writeHead(429, { 'retry-after': '0.2' }).end(),
    );
    const start = performance.now();
    await download();
    expect(performance.now() - start).toBeGreaterThan(195);
    expect(requestsFor(WEIGHTS)).toHaveLength(3);
  });

  it('can be left at any time', async () => {
    const controller = new AbortController();
    const started = download({
      signal: controller.signal,
      onProgress: ({ file, bytes }) =>
        file === 'pytorch_model.bin' && bytes > 0 && controller.abort(new Error('enough')),
    });
    await expect(started).rejects.toThrow('enough');
    await expect(download({ signal: AbortSignal.abort(new Error('no')) })).rejects.toThrow('no');
    hub.intercept = (_, response) => (response.writeHead(500).end(), true);
    const later = AbortSignal.timeout(50);
    await expect(download({ signal: later, delay: 60_000 })).rejects.toMatchObject({ name: 'TimeoutError' });
  });
});

describe('other bytes than promised', () => {
  const wrong = large.slice();
  wrong[200_000] ^= 1;

  it('are fetched again', async () => {
    disturb(hub, (_, response) => {
      response.writeHead(200, { 'content-length': wrong.length });
      response.end(wrong);
    });
    const { folder } = await download();
    await expectWhole(folder);
    expect(requestsFor(WEIGHTS)).toEqual([`GET ${WEIGHTS}`, `GET ${WEIGHTS}`]);
  });

  it.each([
    ['pytorch_model.bin', /expected the SHA-256 [0-9a-f]{64}, got [0-9a-f]{64} \(2 attempts\)/],
    ['vocab.txt', /expected the git SHA-1 [0-9a-f]{40}, got [0-9a-f]{40} \(2 attempts\)/],
  ])('never get the name %s', async (name, message) => {
    hub.intercept = (request, response) => {
      if (!request.url!.endsWith(name)) return false;
      response.end(FILES[name].bytes.map((byte) => byte ^ 1));
      return true;
    };
    const error = await download({ attempts: 2 }).catch((e: unknown) => e);
    expect(error).toMatchObject({ reason: 'damaged', message: expect.stringMatching(message) });
    expect(await readdir(model('blobs'))).not.toContain(hashOf(FILES[name]));
    expect(await readdir(model())).toEqual(['blobs']);
  });

  it('are noticed when they are too many', async () => {
    hub.intercept = (request, response) => request.url === WEIGHTS && (response.end(Buffer.alloc(400_000)), true);
    await expect(download({ attempts: 2 })).rejects.toThrow(/expected 300007 bytes, got more/);
  });

  it('are dropped when an earlier run left them', async () => {
    await mkdir(model('blobs'), { recursive: true });
    await writeFile(model('blobs', `${hashOf(FILES['pytorch_model.bin'])}.incomplete`), wrong.subarray(0, 250_000));
    const { folder } = await download();
    await expectWhole(folder);
    expect(requestsFor(WEIGHTS)).toEqual([`GET ${WEIGHTS} bytes=250000-`, `GET ${WEIGHTS}`]);
  });
});
