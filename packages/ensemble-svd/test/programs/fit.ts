import { strict as assert } from 'node:assert';
import { createHash } from 'node:crypto';
import { gatherValues, single } from '@wbdc/distributed';
import { connect } from '@wbdc/distributed/node';
import { fit, javascriptProducts, RankError, type Embeddings, type Products } from '@wbdc/ensemble-svd';

/** The rows of one machine, divided over ranks, the last of which has none: the same ensemble. */
const communicator = await connect();
const [ROWS, WIDTHS] = [60, [7, 5]];
const members = (chosen: (row: number) => boolean): Embeddings[] =>
  WIDTHS.map((width, model) => {
    const rows = Array.from({ length: ROWS }, (_, row) => row).filter(chosen);
    const value = (row: number, i: number): number => Math.sin(row * 1.7 + i * (model + 2)) + 0.1 * Math.cos(row * i);
    const values = Float64Array.from(rows.flatMap((row) => Array.from({ length: width }, (_, i) => value(row, i))));
    return { name: `model${model}`, ids: rows.map((row) => `video${row}`), width, values };
  });
const { rank, size } = communicator;
const options = { dimension: 6, weights: [0.25, 0.75] };
const whole = await fit(
  members(() => true),
  { ...options, communicator: single },
);
const own = members((row) => rank < size - 1 && row % (size - 1) === rank);
const divided = await fit(own, { ...options, communicator });
const apart = (a: Float64Array, b: Float64Array): number => Math.max(...a.map((x, i) => Math.abs(x - b[i])));
assert.equal(divided.components.length, whole.components.length);
assert.ok(apart(divided.components, whole.components) < 1e-10);
assert.ok(apart(divided.singularValues, whole.singularValues) < 1e-10);
assert.ok(Math.abs(divided.share - whole.share) < 1e-10);
assert.deepEqual([divided.names, divided.widths, divided.weights], [whole.names, whole.widths, whole.weights]);
// Machines whose products differ in their last bits, as those of several kinds do: still the same bits for all.
const project: Products['project'] = async (...args) =>
  (await javascriptProducts.project(...args)).map((x) => x * (1 + rank * 2 ** -50));
const wide = own.map(({ name, ids, width }) => {
  const values = Float64Array.from({ length: ids.length * 4 * width }, (_, i) => Math.sin(rank + i ** 1.5));
  return { name, ids, width: 4 * width, values };
});
const mixed = await fit(wide, { ...options, communicator, products: { ...javascriptProducts, project } });
const digest = createHash('sha256').update(mixed.components).update(mixed.singularValues).digest('hex');
assert.deepEqual(new Set(await gatherValues(communicator, digest)), new Set([digest]));
const flat = own.map((member) => ({ ...member, values: member.values.map((_, i) => 1 + (i % member.width)) }));
await assert.rejects(
  fit(flat, { dimension: 3, communicator }),
  (error) => error instanceof RankError && error.rank === 1,
);
await assert.rejects(
  fit(rank === 1 ? own.slice(0, 1) : own, { dimension: 3, communicator }),
  /rank 1: expected rows of/,
);
process.stdout.write(`right ${rank}\n`);
await communicator.close();
