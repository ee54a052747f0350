import { strict as assert } from 'node:assert';
import { single } from '@wbdc/distributed';
import { connect } from '@wbdc/distributed/node';
import { fit, type Embeddings } from '@wbdc/ensemble-svd';

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
await assert.rejects(
  fit(rank === 1 ? own.slice(0, 1) : own, { dimension: 3, communicator }),
  /rank 1: expected rows of/,
);
process.stdout.write(`right ${rank}\n`);
await communicator.close();
