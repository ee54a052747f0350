import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { publishSite, serveSite, type RunningSite } from '@wbdc/web';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

describe('serveSite', () => {
  let folder: string;
  let server: RunningSite;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'wbdc-site-'));
    await mkdir(join(folder, 'site/pictures'), { recursive: true });
    await writeFile(join(folder, 'secret.txt'), 'secret');
    await symlink(join(folder, 'secret.txt'), join(folder, 'site/link.txt'));
    for (const name of ['index.html', 'site.json', 'page.js', 'pictures/一.jpg', 'a.wasm']) {
      await writeFile(join(folder, 'site', name), name);
    }
    server = await serveSite(join(folder, 'site'));
  });
  afterAll(async () => {
    await server.close();
    await rm(folder, { recursive: true });
  });

  it('takes a folder by any of its names', async () => {
    const site = join(folder, 'site');
    const names = [relative('.', site), `./${relative('.', site)}`, `${site}/`, join(site, '..') + '/./site//'];
    for (const name of names) {
      const own = await serveSite(name);
      expect(await (await fetch(`${own.url}pictures/${encodeURIComponent('一')}.jpg`)).text()).toBe('pictures/一.jpg');
      await own.close();
    }
  });

  /** As it is: fetch would resolve the dots. */
  function ask(path: string, method = 'GET'): Promise<{ status?: number; type?: string; body: string }> {
    const { port } = new URL(server.url);
    return new Promise((resolve, reject) => {
      const asked = request({ port, host: '127.0.0.1', path, method }, (answer) => {
        let body = '';
        answer.on('data', (chunk) => (body += chunk));
        const [status, type] = [answer.statusCode, answer.headers['content-type']];
        answer.on('end', () => resolve({ body, ...(status && { status }), ...(type && { type }) }));
      });
      asked.on('error', reject).end();
    });
  }

  it('gives files with their types, and refuses to be framed', async () => {
    expect(await ask('/?engine=cpu')).toEqual({ status: 200, type: 'text/html; charset=utf-8', body: 'index.html' });
    expect(await ask('/page.js')).toMatchObject({ type: 'text/javascript; charset=utf-8', body: 'page.js' });
    expect(await ask('/a.wasm')).toMatchObject({ type: 'application/wasm' });
    expect(await ask(`/pictures/${encodeURIComponent('一')}.jpg`)).toMatchObject({ status: 200, type: 'image/jpeg' });
    expect(await ask('/page.js', 'HEAD')).toMatchObject({ status: 200, body: '' });
    const { headers } = await fetch(server.url);
    expect(headers.get('content-security-policy')).toBe("frame-ancestors 'none'");
  });

  it('gives nothing else', async () => {
    for (const path of [
      '/../secret.txt',
      '/%2e%2e/secret.txt',
      '/pictures/..%2f..%2fsecret.txt',
      '/link.txt',
      '/%',
      '/no',
    ]) {
      expect(await ask(path)).toEqual({ status: 404, body: '' });
    }
    expect(await ask('/page.js', 'POST')).toMatchObject({ status: 405 });
  });

  it('says what is wrong', async () => {
    await expect(serveSite(folder)).rejects.toThrow(`${folder}: expected a published page, got no site.json`);
    await expect(serveSite(join(folder, 'none'))).rejects.toThrow('expected a published page, got no site.json');
    const port = Number(new URL(server.url).port);
    await expect(serveSite(join(folder, 'site'), { port })).rejects.toThrow(
      `127.0.0.1:${port}: expected a port to listen on, got one that another program has: take another port`,
    );
  });
});

it('a folder with files of something else is left as it is', async () => {
  const out = await mkdtemp(join(tmpdir(), 'wbdc-mine-'));
  try {
    await writeFile(join(out, 'index.html'), 'mine');
    const publish = () => publishSite({ pretrained: 'none', features: 'none', data: 'none', out });
    const message = `${out}: expected an empty folder, or one with an earlier page, got one with index.html: choose`;
    await expect(publish()).rejects.toThrow(message);
    await writeFile(join(out, 'site.json'), 'mine too');
    await expect(publish()).rejects.toThrow(message);
    expect(await readdir(out)).toEqual(['index.html', 'site.json']);
    expect(await readFile(join(out, 'index.html'), 'utf8')).toBe('mine');
    // What began as a page goes on, whatever it has become.
    await rm(join(out, 'site.json'));
    await writeFile(join(out, '.wbdc-page'), '');
    await expect(publish()).rejects.toThrow('none');
  } finally {
    await rm(out, { recursive: true });
  }
});
