/** A compiled program. */
export type WasmModule = object;

/** Memory of programs: shared between threads, where it was asked for as such. */
export interface WasmMemory<Bytes extends ArrayBufferLike = ArrayBufferLike> {
  readonly buffer: Bytes;
}

/** What is used of WebAssembly's JavaScript API: Node has it, its types have not. */
interface Api {
  readonly Memory: {
    new (size: {
      readonly initial: number;
      readonly maximum: number;
      readonly shared: true;
    }): WasmMemory<SharedArrayBuffer>;
    new (size: { readonly initial: number; readonly maximum: number }): WasmMemory<ArrayBuffer>;
  };
  readonly Module: new (bytes: Uint8Array<ArrayBuffer>) => WasmModule;
  readonly Instance: new (module: WasmModule, imports: object) => { readonly exports: object };
}

/** The runtime's WebAssembly. */
export function webAssembly(): Api {
  return Reflect.get(globalThis, 'WebAssembly') as Api;
}

/** Bytes of instructions. */
export type Code = readonly number[];

/** Types of values. */
export const WASM = { i32: 0x7f, f32: 0x7d, f64: 0x7c, v128: 0x7b } as const;

/** A function that returns nothing. */
export interface WasmFunction {
  /** Under this name it is exported. */
  readonly name: string;
  /** Types of the parameters, and of the locals, whose numbers go on. */
  readonly parameters: Code;
  readonly locals: Code;
  readonly body: Code;
}

/**
 * A module in WebAssembly's binary format (https://webassembly.github.io/spec/core/binary) that imports `wbdc.memory`.
 * @param shared whether this is memory that threads share
 */
export function wasmModule(shared: boolean, functions: readonly WasmFunction[]): Uint8Array<ArrayBuffer> {
  const types = functions.map(({ parameters }) => [0x60, ...vector(parameters), 0]);
  const memory = [...text('wbdc'), ...text('memory'), 2, shared ? 3 : 1, ...unsigned(1), ...unsigned(1 << 16)];
  const bodies = functions.map(({ locals, body }) => {
    return vector([...vector(locals.map((type) => [1, type])), ...body, END]);
  });
  return Uint8Array.from([
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, types),
    ...section(2, [memory]),
    ...section(
      3,
      functions.map((_, i) => unsigned(i)),
    ),
    ...section(
      7,
      functions.map(({ name }, i) => [...text(name), 0, ...unsigned(i)]),
    ),
    ...section(10, bodies),
  ]);
}

const [BLOCK, LOOP, BRANCH, BRANCH_IF, NOTHING, END] = [0x02, 0x03, 0x0c, 0x0d, 0x40, 0x0b];

/** The value of a local. */
export function getLocal(index: number): Code {
  return [0x20, ...unsigned(index)];
}

export function setLocal(index: number, value: Code): Code {
  return [...value, 0x21, ...unsigned(index)];
}

/** Sets a local to a value, which is the value of the whole. */
export function teeLocal(index: number, value: Code): Code {
  return [...value, 0x22, ...unsigned(index)];
}

/** Moves a pointer on by another local, or by so many bytes below 64. */
export function advance(pointer: number, by: { readonly local: number } | { readonly bytes: number }): Code {
  const step = 'local' in by ? getLocal(by.local) : [0x41, by.bytes];
  return setLocal(pointer, [...getLocal(pointer), ...step, 0x6a]);
}

/** Repeats instructions while a pointer is below another. */
export function whileBelow(pointer: number, end: number, body: Code): Code {
  const past = [...getLocal(pointer), ...getLocal(end), 0x4f];
  return [BLOCK, NOTHING, LOOP, NOTHING, ...past, BRANCH_IF, 1, ...body, BRANCH, 0, END, END];
}

/** An instruction on vectors, of operands; by its number in the specification. */
export function vectorOp(op: number, ...operands: readonly Code[]): Code {
  return [...operands.flat(), 0xfd, ...unsigned(op)];
}

/** Four bytes of alignment and offset follow: none is promised, and there is none. */
const PLAIN = [0, 0];

/** The vector, or the value in all its places, at a pointer. */
export function loadVector(pointer: number, kind: 'whole' | 'splat64' = 'whole'): Code {
  return [...vectorOp(kind === 'whole' ? 0x00 : 0x0a, getLocal(pointer)), ...PLAIN];
}

export function storeVector(pointer: number, value: Code): Code {
  return [...vectorOp(0x0b, getLocal(pointer), value), ...PLAIN];
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
  return vector([...name].map((letter) => letter.charCodeAt(0)));
}
