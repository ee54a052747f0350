import { describe, expect, it } from 'vitest';
import { Batcher } from '../src/batcher.js';

const SETTINGS = { size: 4, waitMs: 20, maxQueue: 8, atOnce: 1 };
const never = new AbortController().signal;

/** A batcher of squares, and the batches it was asked for. */
function squares(settings = SETTINGS, work: () => Promise<void> = async () => undefined) {
  const batches: number[][] = [];
  const signals: AbortSignal[] = [];
  const batcher = new Batcher<number, number>(async (items, signal) => {
    batches.push([...items]);
    signals.push(signal);
    await work();
    return items.map((item) => item * item);
  }, settings);
  return { batcher, batches, signals };
}

/** A gate that work waits at. */
function gate() {
  let open: () => void = () => undefined;
  const opened = new Promise<void>((resolve) => (open = resolve));
  return { open, wait: () => opened };
}

describe('Batcher', () => {
  it('gathers what comes within the wait, and gives each its own', async () => {
    const { batcher, batches } = squares();
    const results = await Promise.all([batcher.submit([1], never), batcher.submit([2, 3], never)]);
    expect(results).toEqual([[1], [4, 9]]);
    expect(batches).toEqual([[1, 2, 3]]);
  });

  it('starts when it is full, without waiting', async () => {
    const { batcher, batches } = squares({ ...SETTINGS, waitMs: 60_000 });
    await batcher.submit([1, 2, 3, 4], never);
    expect(batches).toEqual([[1, 2, 3, 4]]);
  });

  it('splits what is more than a batch', async () => {
    const { batcher, batches } = squares();
    expect(await batcher.submit([1, 2, 3, 4, 5, 6], never)).toEqual([1, 4, 9, 16, 25, 36]);
    expect(batches.map(({ length }) => length)).toEqual([4, 2]);
  });

  it('refuses more than may wait, and says when to come again', async () => {
    const { open, wait } = gate();
    const { batcher } = squares({ ...SETTINGS, waitMs: 0 }, wait);
    const first = batcher.submit([1, 2, 3, 4], never); // under way
    const second = batcher.submit([1, 2, 3, 4, 5, 6, 7, 8], never);
    await expect(batcher.submit([9], never)).rejects.toMatchObject({ code: 'queue-full', status: 429, retryAfter: 1 });
    expect(batcher.waiting).toBe(8);
    open();
    await Promise.all([first, second]);
    expect(await batcher.submit([9], never)).toEqual([81]);
  });

  it('leaves out what nobody waits for any longer, and ends a batch that nobody does', async () => {
    const { open, wait } = gate();
    const { batcher, batches, signals } = squares({ ...SETTINGS, waitMs: 0 }, wait);
    const [one, two, three] = [new AbortController(), new AbortController(), new AbortController()];
    const running = [batcher.submit([1], one.signal)];
    running.push(batcher.submit([2], two.signal), batcher.submit([3], three.signal));
    two.abort(new Error('left'));
    await expect(running[1]).rejects.toThrow('left');
    one.abort(new Error('left'));
    await expect(running[0]).rejects.toThrow('left');
    expect(signals[0].aborted).toBe(true);
    open();
    expect(await running[2]).toEqual([9]);
    expect(batches).toEqual([[1], [3]]);
    expect(signals[1].aborted).toBe(false);
  });

  it('lets an item that makes its batch fail fail alone', async () => {
    const batcher = new Batcher<number, number>(async (items) => {
      if (items.includes(2)) throw new Error('no memory');
      return items.map((item) => item * item);
    }, SETTINGS);
    const all = await Promise.allSettled([1, 2, 3].map((item) => batcher.submit([item], never)));
    expect(all).toMatchObject([{ value: [1] }, { reason: { message: 'no memory' } }, { value: [9] }]);
    expect(await batcher.submit([4], never)).toEqual([16]);
  });
});
