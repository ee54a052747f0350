import { setTimeout } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { eitherOf, orAborted } from '../../src/trained/row-stream.js';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

describe('the first of two signals', () => {
  it.each([0, 1])('ends what waits, with the reason of signal %i, and ends nothing once it was left', async (first) => {
    const controllers = [new AbortController(), new AbortController()];
    const [either, left] = [0, 1].map(() => eitherOf(...controllers.map(({ signal }) => signal)));
    left.leave();
    const waiting = orAborted(new Promise(() => undefined), either.signal);
    controllers[first].abort(new Error(`enough of ${first}`));
    await expect(waiting).rejects.toThrow(`enough of ${first}`);
    expect([either.signal.aborted, left.signal.aborted]).toEqual([true, false]);
    expect(eitherOf(undefined, controllers[first].signal).signal.aborted).toBe(true);
  });

  it('leaves nothing behind, however long the other lasts', async () => {
    const lasting = new AbortController();
    const batches = Array.from({ length: 100 }, async () => {
      const { signal, leave } = eitherOf(new AbortController().signal, lasting.signal);
      await orAborted(Promise.resolve(), signal);
      leave();
      return new WeakRef(signal);
    });
    const signals = await Promise.all(batches);
    await setTimeout(10);
    collectGarbage();
    expect(signals.filter((one) => one.deref() !== undefined).length).toBeLessThan(10);
    expect(lasting.signal.aborted).toBe(false);
  });
});
