import { expect, it } from 'vitest';
import {
  advance,
  getLocal,
  loadVector,
  setLocal,
  storeVector,
  vectorOp,
  wasmModule,
  webAssembly,
  whileBelow,
  WASM,
} from '../src/wasm.js';

/** y += factor x, two float64 at a time. */
const ADD_SCALED = {
  name: 'addScaled',
  parameters: [WASM.i32, WASM.i32, WASM.i32, WASM.f64],
  locals: [WASM.v128],
  body: [
    ...setLocal(4, vectorOp(0x14, getLocal(3))),
    ...whileBelow(0, 2, [
      ...storeVector(1, vectorOp(0xf0, loadVector(1), vectorOp(0xf2, loadVector(0), getLocal(4)))),
      ...advance(0, { bytes: 16 }),
      ...advance(1, { bytes: 16 }),
    ]),
  ],
};
/** Writes the value at one pointer to both places at another, which it first moves by a third. */
const SPLAT = {
  name: 'splat',
  parameters: [WASM.i32, WASM.i32, WASM.i32],
  locals: [],
  body: [...advance(1, { local: 2 }), ...storeVector(1, loadVector(0, 'splat64'))],
};

it.each([false, true])('writes programs over memory that is shared or not: %s', (shared) => {
  const { Memory, Module, Instance } = webAssembly();
  const size = { initial: 1, maximum: 1 };
  const memory = shared ? new Memory({ ...size, shared }) : new Memory(size);
  const { exports } = new Instance(new Module(wasmModule(shared, [ADD_SCALED, SPLAT])), { wbdc: { memory } });
  const { addScaled, splat } = exports as Record<string, (...values: number[]) => void>;
  const values = new Float64Array(memory.buffer);
  values.set([1, 2, 3, 4, 0.5, 10, 20, 30, 40, 50]);
  addScaled(8, 40, 8 + 32, 100);
  expect([...values.subarray(0, 11)]).toEqual([1, 2, 3, 4, 0.5, 210, 320, 430, 90, 50, 0]);
  splat(16, 8, 80);
  expect([...values.subarray(9, 14)]).toEqual([50, 0, 3, 3, 0]);
});
