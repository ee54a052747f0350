import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { parse } from 'yaml';
import { readLabels } from '@wbdc/data';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { prepareVideos, starterConfig, type PreparedVideos } from '../../src/prepare/index.js';

let folder: string;
let names: Map<string, string>;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'wbdc-pairs-'));
  for (let i = 0; i < 8; i++) {
    const path = join(folder, 'videos', `v${i}`);
    await mkdir(path, { recursive: true });
    const pixels = Uint8Array.from({ length: 72 * 3 }, (_, k) => (Math.imul(k + 1, 40503 * (i + 7)) >>> 9) & 255);
    const picture = sharp(pixels, { raw: { width: 9, height: 8, channels: 3 } }).resize(48, 36, { kernel: 'nearest' });
    await picture.png().toFile(join(path, '0.png'));
  }
  const rows = Array.from({ length: 8 }, (_, i) => `v${i},title ${i},${i < 6 ? '' : 'test'}`);
  await writeFile(join(folder, 'texts.csv'), `video,title,split\n${rows.join('\n')}\n`);
});
afterAll(() => rm(folder, { recursive: true }));

async function prepare(table: string): Promise<PreparedVideos> {
  await writeFile(join(folder, 'pairs.csv'), table);
  const prepared = await prepareVideos({
    ...{ folder: join(folder, 'videos'), table: join(folder, 'texts.csv'), out: join(folder, 'out') },
    pairs: { path: join(folder, 'pairs.csv') },
  });
  const lines = (await readFile(join(prepared.root, 'ids.tsv'), 'utf8')).trim().split('\n').slice(1);
  names = new Map(lines.map((line) => line.split('\t')).map(([id, , , name]) => [id, name]));
  return prepared;
}

/** Pairs of a file by the names of their videos. */
async function pairsIn({ root }: PreparedVideos, name: string): Promise<unknown[]> {
  const pairs = await readLabels(join(root, name));
  return pairs.map(({ id1, id2, score }) => [names.get(id1), names.get(id2), score]);
}

describe('prepareVideos with a table of pairs', () => {
  it('takes clicks: counts by names, apart for the held-out videos', async () => {
    const prepared = await prepare(
      'query,clicked,clicks\nv0,v1,4\nv1,clips/v2,1\nv2,v3,0\nv6,v7,2\nv0,v6,9\nv0,none,1\nv5,v5,1\nv1,v0,-1\n',
    );
    expect(await pairsIn(prepared, 'pairs.tsv')).toEqual([
      ['v0', 'v1', 4 / 9],
      ['v1', 'v2', 1 / 9],
      ['v2', 'v3', 0],
    ]);
    expect(await pairsIn(prepared, 'pairs.test_a.tsv')).toEqual([['v6', 'v7', 2 / 9]]);
    expect(prepared.pairs).toMatchObject({ train: 3, heldOut: 1, clicks: true });
    const warnings = prepared.warnings.join('\n');
    expect(warnings).toMatch(/3 pairs that cannot be used: .*row 7: 'none' names no video here/);
    expect(warnings).toMatch(/pair of a video to learn from and a held-out one: left out: .*row 6: 'v0' and 'v6'/);
    const { finetune } = parse(starterConfig(prepared, 'my-data')) as { finetune: object };
    expect(finetune).toMatchObject({
      ...{ kind: 'similarity', loss: 'negatives', labels: 'raw' },
      pairs: { train: 'my-data/pairs.tsv', heldOut: 'my-data/pairs.test_a.tsv' },
    });
  });

  it('reads names as those of the videos are read', async () => {
    const prepared = await prepare('left,right\n"=""v0""",v1\n1.2E+17,v1\n');
    expect(await pairsIn(prepared, 'pairs.tsv')).toEqual([['v0', 'v1', 1]]);
    expect(prepared.warnings.join()).toContain('row 3: left: expected an id, got the rounded number 1.2E+17');
  });

  it('takes labels, and two columns without names that it knows', async () => {
    const labels = await prepare('id1\tid2\tscore\nv0\tv1\t0.25\nv1\tv2\t0.5\n');
    expect(await pairsIn(labels, 'pairs.tsv')).toEqual([
      ['v0', 'v1', 0.25],
      ['v1', 'v2', 0.5],
    ]);
    expect(labels.pairs).toMatchObject({ heldOut: 0, clicks: false });
    expect(starterConfig(labels, 'my-data')).not.toContain('negatives');
    const plain = await prepare('甲,乙\nv0,v1\n');
    expect(await pairsIn(plain, 'pairs.tsv')).toEqual([['v0', 'v1', 1]]);
    expect(plain.pairs).toMatchObject({ train: 1, clicks: true });
  });

  it('says what is wrong with the table', async () => {
    await expect(prepare('a,b,c,d\n1,2,3,4\n')).rejects.toThrow(
      "pairs.csv: expected columns 'left', 'right' and perhaps 'score', or no others, got a, b, c, d",
    );
    await expect(prepare('left,right\nx,y\n')).rejects.toThrow(
      'pairs.csv: expected pairs of videos to learn from, got none of 1 rows',
    );
    await expect(prepare('left,right\nv6,v7\n')).rejects.toThrow('got none but 1 of or with held-out videos');
  });
});
