import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { rangeServer } from '../../../../tools/range-server.js';
import { openBytes } from '../../src/index.js';
import { isRemote, joinLocation, openRemote, shownLocation } from '../../src/remote.js';
import { testFolder } from '../folder.js';

const folder = testFolder();
const bytes = Uint8Array.from({ length: 1_000_000 }, (_, i) => (i * 31 + (i >> 8)) & 255);
const server = await rangeServer();
server.put('a.bin', bytes);
const url = `${server.url}/a.bin`;
afterAll(() => server[Symbol.asyncDispose]());
const BLOCK = 65_536;

describe('a file on a server', () => {
  it('is read in ranges, each byte as it is, within the file alone', async () => {
    const source = await openBytes(url);
    expect(source).toMatchObject({ path: url, size: bytes.length, version: expect.stringMatching(/^"/) });
    for (const [start, length] of [
      [0, 1],
      [BLOCK - 1, 2],
      [3 * BLOCK + 5, 4 * BLOCK],
      [bytes.length - 7, 7],
      [0, bytes.length],
      [12, 0],
    ]) {
      expect(Buffer.compare(await source.read(start, length), bytes.subarray(start, start + length))).toBe(0);
    }
    await expect(source.read(bytes.length - 3, 4)).rejects.toThrow(/expected bytes .* to .*, got 1000000 bytes/);
    await source.close();
  });

  it('fetches no block twice, adjacent ones in one request, and ahead of one who reads on', async () => {
    const source = await openRemote(url, { readAhead: 2 * BLOCK });
    server.asked.length = 0;
    await source.read(10, 20);
    await Promise.all([source.read(5 * BLOCK, 3), source.read(5 * BLOCK + 3, 3)]);
    await source.read(0, 3 * BLOCK);
    expect(server.asked.filter((_, i) => i !== 2)).toEqual([
      `a.bin 0-${BLOCK - 1}`,
      `a.bin ${5 * BLOCK}-${6 * BLOCK - 1}`,
      `a.bin ${BLOCK}-${3 * BLOCK - 1}`,
    ]);
    const before = server.asked.length;
    await source.read(3 * BLOCK, 100); // goes on where the last one ended
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(server.asked.slice(before)).toEqual([
      `a.bin ${3 * BLOCK}-${4 * BLOCK - 1}`,
      `a.bin ${4 * BLOCK}-${5 * BLOCK - 1}`, // the block behind is there already
    ]);
    await source.close();
  });

  it('goes on where connections broke off, and waits for a server that is busy', async () => {
    const source = await openRemote(url);
    server.asked.length = 0;
    const drops = [1000, 0, 50_000].map((after) => ({ kind: 'drop', after }) as const);
    server.fail(...drops, { kind: 'status', status: 503 }, { kind: 'status', status: 429 });
    expect(Buffer.compare(await source.read(0, 3 * BLOCK), bytes.subarray(0, 3 * BLOCK))).toBe(0);
    expect(server.asked.map((line) => Number(/ (\d+)-/.exec(line)![1]))).toEqual([0, 1000, 1000, 51_000]);
    await source.close();
  });

  it('takes a silent connection for a lost one', async () => {
    const source = await openRemote(url, { idleMilliseconds: 80 });
    server.fail({ kind: 'silence' });
    expect(await source.read(9, 2)).toEqual(bytes.slice(9, 11));
    await source.close();
  });

  it('gives up with what the server said, and at once where another try is of no use', async () => {
    const fail = (status: number, times: number): void =>
      server.fail(...Array.from({ length: times }, () => ({ kind: 'status', status }) as const));
    fail(500, 2);
    await expect(openRemote(`${url}?signature=secret`, { attempts: 2 })).rejects.toMatchObject({
      code: 'remote',
      message: expect.stringMatching(
        /^http:\/\/127\S*\/a\.bin: expected bytes of a file \(206\), got 500 .* 2 times: check/,
      ),
    });
    fail(403, 1);
    await expect(openRemote(url)).rejects.toThrow(/expected access, got 403 Forbidden: check the credentials/);
    await expect(openRemote(`${server.url}/none`)).rejects.toThrow(/expected a file, got 404 Not Found/);
    await expect(openRemote('http://127.0.0.1:1/a', { attempts: 1 })).rejects.toThrow(/ECONNREFUSED|bad port/);
    await using plain = await rangeServer({ ranges: false });
    plain.put('a', bytes);
    await expect(openRemote(`${plain.url}/a`)).rejects.toThrow(/expected a server that answers range requests \(206\)/);
  });

  it('is not mixed with another of the same name', async () => {
    server.put('changes.bin', bytes);
    const source = await openRemote(`${server.url}/changes.bin`);
    server.put(
      'changes.bin',
      bytes.map((byte) => byte ^ 1),
    );
    await expect(source.read(0, 10)).rejects.toThrow(/expected the file that was opened, got 412.*open it again/);
    await source.close();
  });

  it('sends the headers that it is given, and shows no secret', async () => {
    const source = await openRemote(`${url}?token=1`, { headers: { authorization: 'Bearer x' } });
    expect(server.headers()).toMatchObject({ authorization: 'Bearer x' });
    expect(source.path).toBe(url);
    await source.close();
  });

  it('sends a user of the address as basic authentication, and does not show it', async () => {
    const source = await openRemote(url.replace('//', '//me:p%40ss@'));
    expect(server.headers()['authorization']).toBe(`Basic ${Buffer.from('me:p@ss').toString('base64')}`);
    expect(source.path).toBe(url);
    await source.close();
  });

  it('ends with its signal', async () => {
    const controller = new AbortController();
    const source = await openRemote(url, { signal: controller.signal });
    server.fail({ kind: 'silence' });
    const reading = source.read(0, 10);
    setTimeout(() => controller.abort(new Error('enough')), 30);
    await expect(reading).rejects.toThrow('enough');
    await source.close();
  });

  it('may be empty', async () => {
    server.put('empty', new Uint8Array());
    const source = await openRemote(`${server.url}/empty`);
    expect(source.size).toBe(0);
    await source.close();
  });
});

describe('the cache on the disk', () => {
  const cache = { folder: join(folder, 'cache'), maxBytes: 12 * BLOCK };
  const files = (): string[] =>
    readdirSync(cache.folder, { recursive: true })
      .map((name) => join(cache.folder, String(name)))
      .filter((path) => statSync(path).isFile());
  const settled = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 100));

  it('gives the next reader what it needs, damaged blocks are fetched again', async () => {
    const first = await openRemote(url, { cache });
    await first.read(0, 3 * BLOCK);
    await settled();
    await first.close();
    expect(files()).toHaveLength(3);
    server.asked.length = 0;
    const second = await openRemote(url, { cache });
    const [path] = files();
    const damaged = readFileSync(path);
    damaged[7] ^= 1;
    writeFileSync(path, damaged);
    expect(Buffer.compare(await second.read(0, 3 * BLOCK), bytes.subarray(0, 3 * BLOCK))).toBe(0);
    expect(server.asked.slice(1)).toHaveLength(1); // after the one that opens it
    await settled();
    await second.close();
  });

  it('stays below its limit', async () => {
    const source = await openRemote(url, { cache, memoryBytes: BLOCK });
    for (let start = 0; start + BLOCK <= bytes.length; start += BLOCK) await source.read(start, BLOCK);
    await settled();
    await source.close();
    const total = files().reduce((sum, path) => sum + statSync(path).size, 0);
    expect(total).toBeLessThanOrEqual(cache.maxBytes * 1.1);
    expect(total).toBeGreaterThan(cache.maxBytes / 2);
  });

  it('is left out where it cannot be written', async () => {
    const path = join(folder, 'a file');
    writeFileSync(path, '');
    const source = await openRemote(url, { cache: { folder: join(path, 'below') } });
    expect(await source.read(1, 3)).toEqual(bytes.slice(1, 4));
    await settled();
    await source.close();
    expect(existsSync(join(path, 'below'))).toBe(false);
  });
});

describe('an object of S3', () => {
  it('is read by the SDK from another service, with its signature, and refused in words', async () => {
    server.put('bucket/多/a b.bin', bytes);
    vi.stubEnv('AWS_ENDPOINT_URL_S3', server.url);
    vi.stubEnv('AWS_ACCESS_KEY_ID', 'me');
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'secret');
    vi.stubEnv('AWS_REGION', 'x');
    try {
      const source = await openRemote('s3://bucket/多/a b.bin');
      expect(server.headers()['authorization']).toMatch(/^AWS4-HMAC-SHA256 Credential=me\//);
      server.fail({ kind: 'drop', after: 500 }, { kind: 'status', status: 503 });
      expect(Buffer.compare(await source.read(100, 2000), bytes.subarray(100, 2100))).toBe(0);
      server.put('bucket/多/a b.bin', bytes.slice(1));
      await expect(source.read(500_000, 1)).rejects.toThrow(/expected the file that was opened, got 412/);
      await source.close();
      await expect(openRemote('s3://bucket/none')).rejects.toThrow(/^s3:\/\/bucket\/none: expected a file, got 404/);
      await expect(openRemote('s3://bucket')).rejects.toThrow(/expected s3:\/\/bucket\/key/);
      vi.stubEnv('AWS_REGION', undefined);
      vi.stubEnv('AWS_CONFIG_FILE', join(folder, 'none'));
      await expect(openRemote('s3://bucket/none')).rejects.toThrow(/expected a region of S3, got none: set AWS_REGION/);
    } finally {
      vi.unstubAllEnvs();
    }
  });

  it('says what to install where the SDK is not', async () => {
    vi.doMock('@aws-sdk/client-s3', () => {
      throw new Error('Cannot find package');
    });
    try {
      await expect(openRemote('s3://bucket/key')).rejects.toThrow(/no such package: npm install @aws-sdk\/client-s3/);
    } finally {
      vi.doUnmock('@aws-sdk/client-s3');
    }
  });
});

describe('addresses', () => {
  it.each([
    ['https://a/b', true],
    ['S3://b/k', true],
    ['/a/https://b', false],
    ['file:///a', false],
    ['C:\\a', false],
  ])('%s is remote: %s', (path, remote) => expect(isRemote(path)).toBe(remote));

  it('are joined before their query, and shown without what is secret', () => {
    expect(joinLocation('https://h/a/?x=1', 'b', 'c.zip')).toBe('https://h/a/b/c.zip?x=1');
    expect(joinLocation('a', '..', 'b')).toBe('b');
    expect(shownLocation('https://me:secret@h/a?sig=1#x')).toBe('https://h/a');
    expect(shownLocation('/data/take #2/what?.zip')).toBe('/data/take #2/what?.zip');
  });
});
