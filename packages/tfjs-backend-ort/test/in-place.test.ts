import * as tf from '@tensorflow/tfjs';
import type { TensorInfo } from '@tensorflow/tfjs';
import { webAssembly } from '@wbdc/io/wasm';
import type { AdamWAttributes } from '@wbdc/nn/kernels';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { wave } from '../../../tools/testing.js';
import { OrtBackend } from '../src/backend.js';
import { loadAliases, type Aliases } from '../src/in-place/aliases.js';
import { Homes } from '../src/in-place/homes.js';
import { NUMBERS, updateProgram } from '../src/in-place/program.js';
import { Threads, type Job } from '../src/in-place/threads.js';
import { SCRATCH, Work, type SharedHome } from '../src/in-place/work.js';
import { registerOrtBackend } from '../src/index.js';
import { optimizer } from '../src/kernels/optimizer.js';
import { loadRuntime } from '../src/runtime.js';

/** The tests need the package koffi, which is optional for users alone. */
const aliases = loadAliases() as Aliases;

const ATTRIBUTES: AdamWAttributes = {
  ...{ beta1: 0.9, beta2: 0.999, share1: 0.1 * 0.37, share2: 0.001 * 0.37 ** 2, rate: 1e-3, epsilon: 1e-7 },
  ...{ kept: 1 - 1e-5, decay: 0.99, gain: 0.01 },
};
/** Of single values, around a vector, a chunk and a block of the program, and of many blocks. */
const SIZES = [1, 4, 63, 8191, 8193, 65_537, 460_001];

interface State {
  p: Float32Array;
  m: Float32Array;
  v: Float32Array;
  e?: Float32Array;
}

/** Values of all magnitudes: tiny moments too, whose squares are no normal numbers. */
function newState(size: number, phase: number): State {
  const m = wave(size, phase + 1, 1e-3).map((x, i) => (i % 5 === 0 ? x * 1e-36 : x));
  const v = wave(size, phase + 2, 1e-6).map((x, i) => Math.abs(i % 7 === 0 ? x * 1e-34 : x));
  return { p: wave(size, phase), m, v, ...(phase % 2 && { e: wave(size, phase + 3) }) };
}

/** As IEEE 754 rounds every operation to float32. */
function expectedUpdate({ p, m, v, e }: State, g: Float32Array, attributes: AdamWAttributes): void {
  const round = Math.fround;
  const [beta1, share1, beta2, share2, epsilon, rate, kept, decay, gain] = NUMBERS.map((name) =>
    round(attributes[name]),
  );
  for (let i = 0; i < p.length; i++) {
    m[i] = round(m[i] * beta1) + round(g[i] * share1);
    v[i] = round(v[i] * beta2) + round(round(g[i] * g[i]) * share2);
    const change = round(round(m[i] / round(round(Math.sqrt(v[i])) + epsilon)) * rate);
    p[i] = round(p[i] * kept) - change;
    if (e) e[i] = round(e[i] * decay) + round(p[i] * gain);
  }
}

/** The first value whose bits differ. */
function firstDifference(got: Float32Array, expected: Float32Array): number {
  const [a, b] = [got, expected].map(({ buffer, byteOffset, length }) => new Uint32Array(buffer, byteOffset, length));
  return a.findIndex((word, i) => word !== b[i]);
}

/** Puts a state into a home; gives its live arrays, and the job of its update. */
function settled(homes: Homes, state: State, gradient: Float32Array): { live: State; job: Job } {
  const values = [state.p, state.m, state.v, ...(state.e ? [state.e] : [])];
  const blocks = homes.take(values.length, state.p.byteLength);
  const [p, m, v, e] = blocks.map(({ buffer, offset }, i) => {
    const live = new Float32Array(buffer, offset, values[i].length);
    live.set(values[i]);
    return live;
  });
  const [at, first, second, average] = blocks.map(({ offset }) => offset);
  const numbers = NUMBERS.map((name) => ATTRIBUTES[name]);
  const segment = { home: homes.idOf(blocks[0]), p: at, m: first, v: second, e: average, numbers };
  return { live: { p, m, v, ...(e && { e }) }, job: { segment, gradient } };
}

const closing: { close(): void }[] = [];
afterEach(() => closing.splice(0).forEach((open) => open.close()));

describe('the update in a home', () => {
  it.each([1, 2, 3])('has the bits of the formula, by %i threads', async (threads) => {
    const homes = new Homes(aliases, threads);
    closing.push(homes);
    const states = SIZES.map(newState);
    const gradients = SIZES.map((size, i) => wave(size, i + 4, 1e-3));
    const all = states.map((state, i) => settled(homes, state, gradients[i]));
    for (let round = 0; round < 4; round++) {
      homes.update(all.map(({ job }) => job));
      states.forEach((state, i) => expectedUpdate(state, gradients[i], ATTRIBUTES));
      states.forEach((state, i) => {
        for (const [name, values] of Object.entries(state)) {
          const difference = firstDifference(all[i].live[name as keyof State] as Float32Array, values as Float32Array);
          expect(difference, `${name} of ${SIZES[i]} values in round ${round}`).toBe(-1);
        }
      });
      await new Promise((resolve) => setTimeout(resolve, 100)); // threads are there from now on
    }
  });

  it('leaves nothing behind where all have left', () => {
    const homes = new Homes(aliases, 1);
    const blocks = [...homes.take(3, 1000), ...homes.take(2, 2 ** 25)];
    expect(new Set(blocks.map((block) => homes.idOf(block))).size).toBe(2);
    for (const block of blocks) homes.give(block);
    expect(blocks.some(({ buffer }) => homes.owns(buffer))).toBe(false);
    expect(homes.idOf(homes.take(1, 1000)[0])).toBe(2);
  });
});

describe('threads', () => {
  /** A home, its threads, and a main thread that takes its time for every block. */
  function slowly() {
    const bytes = 2 ** 24;
    const memory = new (webAssembly().Memory)({ initial: 260, maximum: 260, shared: true });
    const home: SharedHome = { id: 5, memory, scratch: bytes };
    expect(bytes + 3 * SCRATCH).toBeLessThanOrEqual(memory.buffer.byteLength);
    const module = new (webAssembly().Module)(updateProgram());
    const own = new Work(module, aliases, 0);
    own.enter(home);
    const threads = new Threads(module, aliases, 2, [home]);
    closing.push(threads);
    let taken = 0;
    const run: Work['run'] = (...range) => {
      taken++;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20);
      own.run(...range);
    };
    const work = Object.assign(Object.create(Work.prototype) as Work, { run });
    return { memory, threads, work, taken: () => taken };
  }

  const SIZE = 20 * 65_536;
  const segment = { p: 0, m: 4 * SIZE, v: 8 * SIZE, e: undefined, numbers: NUMBERS.map((name) => ATTRIBUTES[name]) };

  it('take blocks from one another, each of them once', async () => {
    const { memory, threads, work, taken } = slowly();
    const state = newState(SIZE, 0);
    const [p, m, v] = [0, 1, 2].map((i) => new Float32Array(memory.buffer, 4 * SIZE * i, SIZE));
    p.set(state.p);
    m.set(state.m);
    v.set(state.v);
    const gradient = wave(SIZE, 4, 1e-3);
    let rounds = 0;
    for (; taken() === 20 * rounds && rounds < 20; rounds++) {
      threads.run(work, [{ segment: { ...segment, home: 5 }, gradient }]);
      expectedUpdate(state, gradient, ATTRIBUTES);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    expect(taken()).toBeLessThan(20 * rounds);
    expect([p, m, v].map((got, i) => firstDifference(got, [state.p, state.m, state.v][i]))).toEqual([-1, -1, -1]);
  });

  it('say what went wrong in one', async () => {
    const { threads, work } = slowly();
    const nowhere = [{ segment: { ...segment, home: 9 }, gradient: new Float32Array(SIZE) }];
    const idle = Object.assign(Object.create(Work.prototype) as Work, {
      run: () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20),
    });
    const rounds = async (): Promise<void> => {
      for (let round = 0; round < 20; round++) {
        threads.run(idle, nowhere);
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    };
    await expect(rounds()).rejects.toThrow(/a thread that updates parameters failed: TypeError/);
    expect(work).toBeDefined();
  });
});

describe('the kernel of all parameters', () => {
  beforeAll(async () => {
    registerOrtBackend();
    await tf.setBackend('ort');
  });

  function variablesOf(states: readonly State[]): Record<string, tf.Variable>[] {
    return states.map((state) => {
      return Object.fromEntries(
        Object.entries(state).map(([name, values]) => [name, tf.tidy(() => tf.variable(tf.tensor1d(values)))]),
      );
    });
  }

  const SMALL_SIZES = [1, 5, 1000, 4097];
  const gradients = SMALL_SIZES.map((size, i) => wave(size, i + 4, 1e-3));

  it('has the same bits with homes and without, and where values were assigned in between', () => {
    const states = SMALL_SIZES.map(newState);
    const parameters = variablesOf(states);
    const plain = new OrtBackend(loadRuntime(1), 0, undefined);
    const copies = states.map((state, i) => {
      const info = (values: Float32Array): TensorInfo =>
        plain.makeTensorInfo([values.length], 'float32', values.slice());
      const { p, m, v, e } = state;
      return { p: info(p), g: info(gradients[i]), m: info(m), v: info(v), ...(e && { e: info(e) }) };
    });
    const named = <T>(slots: readonly Record<string, T>[]): Record<string, T> =>
      Object.fromEntries(slots.flatMap((slot, i) => Object.entries(slot).map(([name, t]) => [`${name}${i}`, t])));
    const updates = SMALL_SIZES.map(() => ATTRIBUTES);
    for (let step = 0; step < 3; step++) {
      if (step === 2) parameters[2].p.assign(tf.tensor1d(parameters[2].p.dataSync())); // a checkpoint, say
      const inputs = named(parameters.map((slot, i) => ({ ...slot, g: tf.tensor1d(gradients[i]) })));
      tf.engine().runKernel('WbdcAdamWAll', inputs, { updates } as unknown as tf.NamedAttrMap);
      optimizer.WbdcAdamWAll({ backend: plain, inputs: named<TensorInfo>(copies), attrs: { updates } });
      states.forEach((state, i) => expectedUpdate(state, gradients[i], ATTRIBUTES));
      states.forEach((state, i) => {
        for (const name of Object.keys(state) as (keyof State)[]) {
          const expected = state[name] as Float32Array;
          const byGraph = plain.values(copies[i][name]!) as Float32Array;
          expect(firstDifference(parameters[i][name].dataSync<'float32'>(), expected), `${name}${i}`).toBe(-1);
          expect(firstDifference(byGraph, expected), `${name}${i} by the graph`).toBe(-1);
        }
      });
    }
  });

  it('gives memory back, and what was read stays', () => {
    const before = tf.memory().numTensors;
    const [slot] = variablesOf([newState(4097, 0)]);
    const inputs = { p0: slot.p, m0: slot.m, v0: slot.v, g0: tf.tensor1d(gradients[3]) };
    tf.engine().runKernel('WbdcAdamWAll', inputs, { updates: [ATTRIBUTES] } as unknown as tf.NamedAttrMap);
    const [read, clone] = [slot.p.dataSync(), tf.clone(slot.p)];
    const kept = read.slice();
    tf.engine().runKernel('WbdcAdamWAll', inputs, { updates: [ATTRIBUTES] } as unknown as tf.NamedAttrMap);
    expect(read).toEqual(kept);
    expect(clone.dataSync()).toEqual(slot.p.dataSync());
    expect(clone.dataSync()).not.toEqual(kept);
    tf.dispose([inputs, clone] as unknown as tf.TensorContainer);
    expect(tf.memory().numTensors).toBe(before);
  });

  it('is the graph where koffi is missing, or must make no buffers', () => {
    const missing = (): never => {
      throw new Error("Cannot find module 'koffi'");
    };
    const refusing = { address: () => 0n, view: missing };
    expect(loadAliases(missing as unknown as NodeJS.Require)).toBeUndefined();
    expect(loadAliases((() => refusing) as unknown as NodeJS.Require)).toBeUndefined();
    expect(loadAliases((() => ({ ...refusing, view: () => new ArrayBuffer(8) })) as unknown as NodeJS.Require)).toBe(
      undefined,
    );
  });
});
