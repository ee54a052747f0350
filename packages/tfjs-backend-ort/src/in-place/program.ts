/** What an update is made of, in the order of the program's parameters. */
export const NUMBERS = ['beta1', 'share1', 'beta2', 'share2', 'epsilon', 'rate', 'kept', 'decay', 'gain'] as const;

/**
 * Updates the values from byte p on up to byte `end`; g, m, v and e are the bytes where the others begin. Multiples of
 * 16 all of them, and numbers in the order of {@link NUMBERS}.
 */
type UpdateRange = (p: number, g: number, m: number, v: number, e: number, end: number, ...numbers: number[]) => void;

/** What an instance of the program exports: with an average, and without one, whose e, decay and gain say nothing. */
export interface UpdateProgram {
  readonly averaging: UpdateRange;
  readonly plain: UpdateRange;
}

const [I32, F32, V128] = [0x7f, 0x7d, 0x7b];
const [BLOCK, LOOP, END, BRANCH, BRANCH_IF, NOTHING] = [0x02, 0x03, 0x0b, 0x0c, 0x0d, 0x40];
const [I32_CONST, I32_GE_U, I32_ADD] = [0x41, 0x4f, 0x6a];

type Code = readonly number[];

/**
 * AdamW as a program of WebAssembly's 128-bit vectors over one shared memory. Its operations are those of the graph
 * in `kernels/optimizer.ts`, one by one and each rounded as IEEE 754 says: the bits are the same. Written in the binary
 * format of https://webassembly.github.io/spec/core/binary.
 */
export function updateProgram(): Uint8Array<ArrayBuffer> {
  const pointers = ['p', 'g', 'm', 'v', 'e', 'end'];
  const signature = [0x60, ...vector([...pointers.map(() => I32), ...NUMBERS.map(() => F32)]), 0];
  const memory = [...text('wbdc'), ...text('memory'), 2, 3, ...unsigned(1), ...unsigned(1 << 16)];
  const exported = ['averaging', 'plain'].map((name, i) => [...text(name), 0, i]);
  const bodies = [body(true), body(false)].map((code) => vector([1, ...unsigned(VECTORS.length), V128, ...code]));
  return Uint8Array.from([
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, [signature]),
    ...section(2, [memory]),
    ...section(3, [[0], [0]]),
    ...section(7, exported),
    ...section(10, bodies),
  ]);
}

/** Vectors of a number each, and of four values. */
const VECTORS = [...NUMBERS, 'gradient', 'first', 'second', 'param'] as const;

function body(averaging: boolean): Code {
  const [p, g, m, v, e, end] = [0, 1, 2, 3, 4, 5];
  const local = (name: (typeof VECTORS)[number]): number => 6 + NUMBERS.length + VECTORS.indexOf(name);
  const get = (index: number): Code => [0x20, ...unsigned(index)];
  const set = (index: number): Code => [0x21, ...unsigned(index)];
  const value = (name: (typeof VECTORS)[number]): Code => get(local(name));
  /** Keeps what is on the stack under a name, and on the stack. */
  const named = (name: (typeof VECTORS)[number], code: Code): Code => [...code, 0x22, ...unsigned(local(name))];
  const load = (pointer: number): Code => [...get(pointer), ...simd(0x00), 4, 0];
  const store = (pointer: number, code: Code): Code => [...get(pointer), ...code, ...simd(0x0b), 4, 0];
  const [add, subtract, multiply, divide] = [0xe4, 0xe5, 0xe6, 0xe7].map((op) => {
    return (a: Code, b: Code): Code => [...a, ...b, ...simd(op)];
  });
  const root = (a: Code): Code => [...a, ...simd(0xe3)];
  const splat = (name: (typeof NUMBERS)[number]): Code => {
    return [...get(6 + NUMBERS.indexOf(name)), ...simd(0x13), ...set(local(name))];
  };
  const next = (pointer: number): Code => [...get(pointer), I32_CONST, 16, I32_ADD, ...set(pointer)];

  const gradient = value('gradient');
  const first = add(multiply(load(m), value('beta1')), multiply(gradient, value('share1')));
  const square = multiply(multiply(gradient, gradient), value('share2'));
  const second = add(multiply(load(v), value('beta2')), square);
  const change = divide(value('first'), add(root(value('second')), value('epsilon')));
  const param = subtract(multiply(load(p), value('kept')), multiply(change, value('rate')));
  const average = add(multiply(load(e), value('decay')), multiply(value('param'), value('gain')));
  return [
    ...NUMBERS.flatMap(splat),
    ...[BLOCK, NOTHING, LOOP, NOTHING],
    ...[...get(p), ...get(end), I32_GE_U, BRANCH_IF, 1],
    ...[...load(g), ...set(local('gradient'))],
    ...store(m, named('first', first)),
    ...store(v, named('second', second)),
    ...store(p, named('param', param)),
    ...(averaging ? store(e, average) : []),
    ...[p, g, m, v, ...(averaging ? [e] : [])].flatMap(next),
    ...[BRANCH, 0, END, END, END],
  ];
}

function simd(op: number): Code {
  return [0xfd, ...unsigned(op)];
}

/** LEB128. */
function unsigned(value: number): Code {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...unsigned(value >>> 7)];
}

function vector(items: Code | readonly Code[]): Code {
  return [...unsigned(items.length), ...items.flat()];
}

function section(id: number, items: readonly Code[]): Code {
  return [id, ...vector(vector(items))];
}

function text(name: string): Code {
  return vector([...Buffer.from(name)]);
}
