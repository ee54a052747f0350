import { strict as assert } from 'node:assert';
import { assertSame, fromRoot, gatherValues } from '@wbdc/distributed';
import { connect, watchRanks } from '@wbdc/distributed/node';

/** Every collective, with values that tell ranks apart; prints one line where all is right. */
const communicator = await connect();
const { rank, size, blocking } = communicator;
const watch = await watchRanks(communicator);
const ranks = Array.from({ length: size }, (_, i) => i);
const sum = (f: (rank: number) => number): number => ranks.reduce((total, one) => total + f(one), 0);

const floats = Float32Array.from({ length: 1003 }, (_, i) => rank + i);
const doubles = Float64Array.of(0.1 * (rank + 1), -rank);
const largest = Int32Array.of(rank, -rank);
const smallest = Float32Array.of(rank, -rank);
const all = Promise.all([
  communicator.allReduce(floats),
  communicator.allReduce(doubles),
  communicator.allReduce(largest, 'max'),
  communicator.allReduce(smallest, 'min'),
]);
// Beside them, on this thread.
const blocked = Float64Array.of(rank + 0.5);
blocking.allReduce(blocked);
assert.equal(
  blocked[0],
  sum((r) => r + 0.5),
);
await all;
floats.forEach((value, i) =>
  assert.equal(
    value,
    sum((r) => r + i),
  ),
);
assert.ok(Math.abs(doubles[0] - sum((r) => 0.1 * (r + 1))) < 1e-15);
assert.deepEqual([...largest], [size - 1, 0]);
assert.deepEqual([...smallest], [0, -(size - 1)]);

assert.deepEqual(
  [...blocking.allGather(Int32Array.of(rank, 7))],
  ranks.flatMap((r) => [r, 7]),
);
const unequal = (r: number): number[] => Array.from({ length: (2 * r) % size }, (_, i) => 10 * r + i);
const parts = [
  await communicator.allGatherParts(Float32Array.from(unequal(rank))),
  blocking.allGatherParts(Float32Array.from(unequal(rank))),
];
for (const all of parts)
  assert.deepEqual(
    all.map((part) => [...part]),
    ranks.map(unequal),
  );
const sent = Uint16Array.from(ranks.flatMap((to) => [100 * rank + to, to]));
assert.deepEqual(
  [...blocking.allToAll(sent)],
  ranks.flatMap((from) => [100 * from + rank, rank]),
);
// Begun here, done while others compute and speak; in one order, whatever is waited for first.
const large = Float32Array.from({ length: 300_000 }, (_, i) => rank + (i % 7));
const begun = [communicator.background.allReduce(large), communicator.background.allReduce(Float64Array.of(rank))];
const exchanged = communicator.background.allToAll(Uint16Array.from(ranks.flatMap((to) => [100 * rank + to, to])));
const gathered = communicator.background.allGather(Int32Array.of(rank, 7));
blocking.barrier();
assert.deepEqual(
  [...exchanged.finish()],
  ranks.flatMap((from) => [100 * from + rank, rank]),
);
assert.deepEqual(
  [...gathered.finish()],
  ranks.flatMap((r) => [r, 7]),
);
for (const one of begun) one.finish();
assert.ok(begun.every((one) => one.advance()));
assert.ok(large.every((value, i) => value === sum((r) => r + (i % 7))));

const told = Uint8Array.of(rank, 1);
await communicator.broadcast(told, size - 1);
assert.deepEqual([...told], [size - 1, 1]);
blocking.barrier();
await communicator.barrier();

assert.deepEqual(
  await gatherValues(communicator, { text: '三'.repeat(rank) }),
  ranks.map((r) => ({ text: '三'.repeat(r) })),
);
assert.equal(await fromRoot(communicator, () => `by ${rank}`), 'by 0');
await assert.rejects(
  fromRoot(communicator, () => Promise.reject(new Error(`rank ${rank} has none`))),
  /rank 0 has none/,
);
await assertSame(communicator, { version: '1' }, 'here');
await assert.rejects(
  assertSame(communicator, { version: rank === 1 ? '2' : '1', data: 'a' }, `host${rank}`),
  /rank 1 on host1 has version 2; rank 0 on host0 has version 1/,
);

// A wait that is given up.
const controller = new AbortController();
if (rank === 0) {
  const waiting = communicator.barrier({ signal: controller.signal });
  setImmediate(() => controller.abort(new Error('given up'))); // by then it has begun
  await assert.rejects(waiting, /given up/);
  await assert.rejects(communicator.barrier(), /given up/);
} else await communicator.barrier();

process.stdout.write(`rank ${rank} of ${size} right: ${communicator.about}\n`);
await watch.close();
await communicator.close();
