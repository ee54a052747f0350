import { spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { Thread, besideProgram, type ThreadOptions } from '../src/threads.js';

interface Request {
  readonly do: 'add' | 'fail' | 'open' | 'wait' | 'die' | 'sleep' | 'most';
  readonly value: number;
}

const program = besideProgram('thread-program', import.meta.url);
const threads: Thread<Request, number>[] = [];
function start(options: Partial<ThreadOptions> = {}): Thread<Request, number> {
  const thread = new Thread<Request, number>({ program, name: 'an adding thread', data: { base: 40 }, ...options });
  threads.push(thread);
  return thread;
}
afterEach(() => Promise.all(threads.splice(0).map((thread) => thread.close())));

describe('a thread', () => {
  it('answers several requests, each with its own reply', async () => {
    const thread = start();
    const replies = [1, 2, 3].map((value) => thread.ask({ do: 'add', value }));
    expect(thread.load).toBe(3);
    expect(await Promise.all(replies)).toEqual([41, 42, 43]);
    expect(thread.load).toBe(0);
  });

  it('answers so many at a time as its program says, the others in their order', async () => {
    const thread = start({ data: { base: 0, atOnce: 2 } });
    const order: number[] = [];
    const asked = [60, 1, 2, 3].map(async (value) => order.push(await thread.ask({ do: 'sleep', value })));
    await Promise.all(asked);
    expect(order).toEqual([1, 2, 3, 60]);
    expect(await thread.ask({ do: 'most', value: 0 })).toBe(2);
  });

  it('throws what its program threw, and goes on', async () => {
    const thread = start();
    await expect(thread.ask({ do: 'fail', value: 7 })).rejects.toThrow('cannot add 7');
    await expect(thread.ask({ do: 'open', value: 0 })).rejects.toMatchObject({ code: 'ENOENT', path: '/nowhere' });
    expect(await thread.ask({ do: 'add', value: 2 })).toBe(42);
  });

  it('gives errors their class back, where it is told how', async () => {
    class AddingError extends Error {}
    const thread = start({ revive: ({ name, message }) => new AddingError(`${name}: ${message}`) });
    const asking = thread.ask({ do: 'fail', value: 7 });
    await expect(asking).rejects.toThrow(AddingError);
    await expect(asking).rejects.toThrow('RangeError: cannot add 7');
  });

  it('rejects what is in hand when it ends, and everything after', async () => {
    const thread = start();
    const waiting = thread.ask({ do: 'wait', value: 1 });
    await expect(thread.ask({ do: 'die', value: 1 })).rejects.toThrow(
      'an adding thread ended before its work was done',
    );
    await expect(waiting).rejects.toThrow('an adding thread ended');
    await expect(thread.ask({ do: 'add', value: 1 })).rejects.toThrow('an adding thread ended');
    expect(thread.load).toBe(Infinity);
  });

  it('keeps a process alive while it has work in hand, and no longer; its program may be text', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'wbdc-thread-'));
    const plain = join(folder, 'program.mjs'); // such a process gives its threads no loader of TypeScript
    await writeFile(
      plain,
      `import { parentPort } from 'node:worker_threads';
      parentPort.on('message', ({ job, request }) => parentPort.postMessage({ job, reply: request + 2 }));`,
    );
    const main = `
      import { Thread } from '${new URL('../src/threads.ts', import.meta.url).href}';
      const thread = new Thread({ program: new URL('${pathToFileURL(plain).href}'), name: 'x' });
      thread.ask(40).then(console.log);`;
    const register = fileURLToPath(new URL('../../../tools/from-source/register.mjs', import.meta.url));
    const args = ['--import', register, '--input-type=module', '--eval', main];
    const env = { PATH: process.env['PATH'] };
    const { stdout, stderr, status } = spawnSync(process.execPath, args, { env, encoding: 'utf8', timeout: 120_000 });
    expect([stdout, stderr, status]).toEqual(['42\n', '', 0]);
    await rm(folder, { recursive: true });
  });

  it('says when its program is not there', () => {
    expect(() => besideProgram('no-program', import.meta.url)).toThrow(/no-program\.ts to start threads, found none/);
  });
});
