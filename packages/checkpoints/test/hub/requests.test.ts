import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { downloadModel, hubSettings, type DownloadOptions } from '../../src/node.js';
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
  hub = await startHub(FILES);
  cacheDir = await mkdtemp(join(tmpdir(), 'hub-'));
});
afterEach(async () => {
  await hub.close();
  await rm(cacheDir, { recursive: true, force: true });
});

const download = (options: DownloadOptions = {}) =>
  downloadModel('owner/name', { hubUrl: hub.url, cacheDir, delay: 1, offline: false, ...options });
const requestsFor = (path: string): string[] => hub.log.filter((line) => line.includes(path));

describe('redirects', () => {
  it('are followed, and another origin never sees the token', async () => {
    const storage = await startHub({});
    storage.intercept = (request, response) => (sendFile(request, response, FILES['pytorch_model.bin']), true);
    disturb(hub, (_, response) => response.writeHead(302, { location: '/moved' }).end());
    const first = hub.intercept;
    hub.intercept = (request, response) => {
      if (request.url !== '/moved') return first(request, response);
      response.writeHead(302, { location: `${storage.url}/signed?x=1` }).end();
      return true;
    };
    await download({ token: 'hf_secret' });
    expect(hub.tokens['/api/models/owner/name/revision/main']).toBe('Bearer hf_secret');
    expect(hub.tokens['/moved']).toBe('Bearer hf_secret');
    expect(storage.log).toEqual(['GET /signed']);
    expect(storage.tokens['/signed']).toBeUndefined();
    await storage.close();
  });

  it('end somewhere, and lead to the web only', async () => {
    hub.intercept = (_, response) => (response.writeHead(302, { location: '/again' }).end(), true);
    await expect(download()).rejects.toThrow(/expected at most 6 redirects/);
    hub.intercept = (_, response) => (response.writeHead(302, { location: 'file:///etc/passwd' }).end(), true);
    await expect(download()).rejects.toThrow(/expected a redirect to a web address, got file:/);
    const insecure: typeof fetch = async () => new Response(null, { status: 302, headers: { location: 'http://x/' } });
    await expect(download({ hubUrl: 'https://hub.test', fetch: insecure })).rejects.toThrow(/to https, got http:\/\/x/);
  });
});

describe('a mirror', () => {
  it('may leave sizes and hashes to the files’ own headers', async () => {
    await hub.close();
    hub = await startHub(FILES, { blobs: false });
    hub.intercept = (request, response) => {
      if (request.method !== 'HEAD' || request.url !== WEIGHTS) return false;
      const headers = {
        'x-linked-etag': `"${hashOf(FILES['pytorch_model.bin'])}"`,
        'x-linked-size': `${large.length}`,
      };
      response.writeHead(302, { ...headers, location: 'http://127.0.0.1:1/unreachable' }).end();
      return true;
    };
    const { folder } = await download({ hubUrl: `${hub.url}/` });
    await expectWhole(folder);
    expect(requestsFor('HEAD')).toHaveLength(3);
  });

  it('without any hash is refused: nothing could be verified', async () => {
    await hub.close();
    hub = await startHub(FILES, { blobs: false });
    hub.intercept = (request, response) =>
      request.method === 'HEAD' && (response.writeHead(200, { etag: '"abc"', 'content-length': '5' }).end(), true);
    await expect(download()).rejects.toThrow(/expected size and hash of the file.*got '5' and 'abc'/);
  });
});

describe('refusals', () => {
  it.each([
    [401, '', 'forbidden', /got 401: no such model, or a private one.*HF_TOKEN/],
    [403, 'GatedRepo', 'forbidden', /got 403 GatedRepo: accept the model's conditions/],
    [404, 'RevisionNotFound', 'missing', /got 404 RevisionNotFound: check the names/],
    [418, '', 'unexpected', /got 418: expected an answer of a Hugging Face hub/],
  ])('%i %s is told at once', async (status, code, reason, message) => {
    hub.intercept = (_, response) => (response.writeHead(status, code ? { 'x-error-code': code } : {}).end(), true);
    const error = await download().catch((e: unknown) => e);
    expect(error).toMatchObject({ reason, message: expect.stringMatching(message) });
    expect(hub.log).toHaveLength(1);
  });

  it.each([
    ['<html>', /expected JSON of a Hugging Face hub, got "<html>"/],
    ['{"sha":"main","siblings":[]}', /expected a model's commit \(sha\)/],
    [`{"sha":"${COMMIT}","siblings":[{"rfilename":"../../x"}]}`, /expected the name of a file, got "\.\.\/\.\.\/x"/],
    [`{"sha":"${COMMIT}","siblings":[{"rfilename":"/etc/x"}]}`, /expected the name of a file, got "\/etc\/x"/],
    [
      `{"sha":"${COMMIT}","siblings":[{"rfilename":"flax_model.msgpack"}]}`,
      /expected weights as model\.safetensors or pytorch_model\.bin, got flax/,
    ],
  ])('the listing %s is none', async (body, message) => {
    hub.intercept = (_, response) => (response.end(body), true);
    await expect(download()).rejects.toThrow(message);
    expect(await readdir(cacheDir)).toEqual([]);
  });

  it('names that would leave the cache are errors', async () => {
    for (const repo of ['../x', 'a/../b', 'a/b/c', '', 'a b/c', '/a/b']) {
      await expect(downloadModel(repo, { cacheDir })).rejects.toThrow(/expected the name of a model/);
    }
    await expect(download({ revision: '../../x' })).rejects.toThrow(/expected a branch, a tag or a commit/);
    await expect(download({ hubUrl: 'huggingface.co' })).rejects.toThrow(
      /expected hubUrl \(HF_ENDPOINT\) to be a web address/,
    );
    await expect(download({ offline: true })).rejects.toMatchObject({ reason: 'missing' });
  });
});

it('reads the settings of Hugging Face’s tools', () => {
  const env = { HF_ENDPOINT: 'https://hf-mirror.com', HF_HOME: '/data/hf', HF_TOKEN: 't', HF_HUB_OFFLINE: '1' };
  expect(hubSettings(env)).toEqual({
    hubUrl: 'https://hf-mirror.com',
    cacheDir: join('/data/hf', 'hub'),
    token: 't',
    offline: true,
  });
  expect(hubSettings({ HF_HUB_CACHE: '/cache' })).toEqual({
    hubUrl: 'https://huggingface.co',
    cacheDir: '/cache',
    offline: false,
  });
  expect(hubSettings({ XDG_CACHE_HOME: '/xdg' }).cacheDir).toBe(join('/xdg', 'huggingface', 'hub'));
});
