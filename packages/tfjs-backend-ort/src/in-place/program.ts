import {
  advance,
  getLocal,
  loadVector,
  setLocal,
  storeVector,
  teeLocal,
  vectorOp,
  wasmModule,
  whileBelow,
  WASM,
  type Code,
} from '@wbdc/io/wasm';

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

/** Vectors of a number each, and of four values. */
const VECTORS = [...NUMBERS, 'gradient', 'first', 'second', 'param'] as const;
const POINTERS = ['p', 'g', 'm', 'v', 'e', 'end'];

/**
 * AdamW as a program of WebAssembly's 128-bit vectors over one shared memory. Its operations are those of the graph
 * in `kernels/optimizer.ts`, one by one and each rounded as IEEE 754 says: the bits are the same.
 */
export function updateProgram(): Uint8Array<ArrayBuffer> {
  const parameters = [...POINTERS.map(() => WASM.i32), ...NUMBERS.map(() => WASM.f32)];
  const locals = VECTORS.map(() => WASM.v128);
  return wasmModule(true, [
    { name: 'averaging', parameters, locals, body: body(true) },
    { name: 'plain', parameters, locals, body: body(false) },
  ]);
}

function body(averaging: boolean): Code {
  const [p, g, m, v, e, end] = POINTERS.keys();
  const local = (name: (typeof VECTORS)[number]): number => POINTERS.length + NUMBERS.length + VECTORS.indexOf(name);
  const value = (name: (typeof VECTORS)[number]): Code => getLocal(local(name));
  const named = (name: (typeof VECTORS)[number], code: Code): Code => teeLocal(local(name), code);
  const [root, add, subtract, multiply, divide] = [0xe3, 0xe4, 0xe5, 0xe6, 0xe7].map((op) => {
    return (...operands: readonly Code[]): Code => vectorOp(op, ...operands);
  });
  const splat = (name: (typeof NUMBERS)[number], i: number): Code =>
    setLocal(local(name), vectorOp(0x13, getLocal(POINTERS.length + i)));

  const gradient = value('gradient');
  const first = add(multiply(loadVector(m), value('beta1')), multiply(gradient, value('share1')));
  const square = multiply(multiply(gradient, gradient), value('share2'));
  const second = add(multiply(loadVector(v), value('beta2')), square);
  const change = divide(value('first'), add(root(value('second')), value('epsilon')));
  const param = subtract(multiply(loadVector(p), value('kept')), multiply(change, value('rate')));
  const average = add(multiply(loadVector(e), value('decay')), multiply(value('param'), value('gain')));
  return [
    ...NUMBERS.flatMap(splat),
    ...whileBelow(p, end, [
      ...setLocal(local('gradient'), loadVector(g)),
      ...storeVector(m, named('first', first)),
      ...storeVector(v, named('second', second)),
      ...storeVector(p, named('param', param)),
      ...(averaging ? storeVector(e, average) : []),
      ...[p, g, m, v, ...(averaging ? [e] : [])].flatMap((pointer) => advance(pointer, { bytes: 16 })),
    ]),
  ];
}
