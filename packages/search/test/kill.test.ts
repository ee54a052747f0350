import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { openIndex } from '@wbdc/search';
import { compiled } from '../../../tools/compiled.js';

const WRITER = await compiled(join(import.meta.dirname, 'kill-writer.ts'));

/**
 * Runs the writer until it is killed `delay` ms after it has said `lines` lines.
 * @returns all that it said
 */
async function killedWriter(place: string, run: number, lines: number, delay: number): Promise<string[]> {
  const child = spawn(process.execPath, [WRITER, place, String(run)], { stdio: ['ignore', 'pipe', 'inherit'] });
  let said = '';
  let armed = false;
  const arm = (): void => {
    if (armed || said.split('\n').length - 1 < lines) return;
    armed = true;
    setTimeout(() => child.kill('SIGKILL'), delay);
  };
  child.stdout.on('data', (text: Buffer) => {
    said += text.toString();
    arm();
  });
  arm();
  await new Promise((done) => child.on('close', done));
  expect(child.signalCode).toBe('SIGKILL'); // it has not ended by itself
  return said.split('\n').slice(0, -1);
}

it('opens after a kill at any moment, with all that was acknowledged and nothing half', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'wbdc-kill-'));
  try {
    const place = join(folder, 'index');
    const present = new Set<string>();
    const unsure = new Set<string>();
    // Lines and milliseconds: while it starts, makes the table, adds, removes, builds the graph, compacts.
    const moments = [
      [0, 100],
      [0, 300],
      [1, 0],
      [1, 40],
      [2, 15],
      [4, 5],
      [6, 0],
      [9, 60],
      [14, 3],
      [16, 120],
      [30, 25],
    ];
    for (const [run, [lines, delay]] of moments.entries()) {
      for (const line of await killedWriter(place, run, lines, delay)) {
        const [word, ...ids] = line.split(' ');
        if (word === 'add') for (const id of ids) present.add(id);
        for (const id of word === 'removing' ? ids : []) unsure.add(id);
        if (word !== 'remove') continue;
        for (const id of ids) {
          present.delete(id);
          unsure.delete(id);
        }
      }
      await using index = await openIndex(place, { create: true, exactUpTo: 200 });
      const certain = [...present].filter((id) => !unsure.has(id));
      expect(new Set((await index.get(certain)).map(({ id }) => id))).toEqual(new Set(certain));
      // Besides, at most the batch that was written and not yet acknowledged.
      const { videos } = await index.stats();
      expect(videos - certain.length).toBeGreaterThanOrEqual(0);
      expect(videos - certain.length).toBeLessThanOrEqual(20 + unsure.size);
      for (const id of (await index.get([...unsure])).map(({ id }) => id)) certain.push(id);
      unsure.clear();
      // What this state has is what later ones are compared with.
      present.clear();
      const all = await index.search({ words: '视频', limit: 5000 });
      expect(all).toHaveLength(videos);
      expect(new Set(all.map(({ video }) => video.id)).size).toBe(videos);
      for (const { video } of all) present.add(video.id);
      for (const id of certain) expect(present).toContain(id);
    }
    expect(present.size).toBeGreaterThan(100);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
