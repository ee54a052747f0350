/**
 * Just enough of a WebAssembly assembler for loops over bytes in 128-bit vectors (WebAssembly Core 2.0, binary format).
 */

type Code = readonly number[];

/** An unsigned number in LEB128. */
function unsigned(value: number): number[] {
  const low = value & 0x7f;
  return value > 0x7f ? [low | 0x80, ...unsigned(value >>> 7)] : [low];
}

function signed(value: number): number[] {
  const low = value & 0x7f;
  const rest = value >> 7;
  const last = (rest === 0 && (low & 0x40) === 0) || (rest === -1 && (low & 0x40) !== 0);
  return last ? [low] : [low | 0x80, ...signed(rest)];
}

const vector = (items: readonly Code[]): number[] => [...unsigned(items.length), ...items.flat()];
const sized = (code: Code): number[] => [...unsigned(code.length), ...code];

export const I32 = 0x7f;
export const V128 = 0x7b;

export const get = (local: number): Code => [0x20, ...unsigned(local)];
export const set = (local: number): Code => [0x21, ...unsigned(local)];
export const int = (value: number): Code => [0x41, ...signed(value)];
export const add: Code = [0x6a];
export const mul: Code = [0x6c];
export const load32: Code = [0x28, 2, 0];

/** Adds a number to a local. */
export const step = (local: number, value: Code): Code => [...get(local), ...value, ...add, ...set(local)];

/** Counts a local up from one value to below another, at least once. */
export function count(local: number, from: Code, below: Code, by: number, body: readonly Code[]): Code {
  const again = [...step(local, int(by)), ...get(local), ...below, 0x48, 0x0d, 0]; // i32.lt_s, br_if
  return [...from, ...set(local), 0x03, 0x40, ...body.flat(), ...again, 0x0b]; // loop ... end
}

const simd = (op: number, ...more: number[]): Code => [0xfd, ...unsigned(op), ...more];

/** Vector instructions by their names in the specification; those on memory are unaligned and without an offset. */
export const v128 = {
  load: simd(0, 0, 0),
  load32Splat: simd(9, 2, 0),
  load32Zero: simd(92, 0, 0),
  store: simd(11, 0, 0),
  store32Lane0: simd(90, 0, 0, 0),
  splatI32: simd(17),
  narrowI16ToU8: simd(102),
  narrowI32ToI16: simd(133),
  widenLowU8: simd(137),
  widenHighU8: simd(138),
  widenLowU16: simd(169),
  widenHighU16: simd(170),
  shiftRightI32: simd(172),
  addI32: simd(174),
  mulI32: simd(181),
} as const;

/** A function of 32-bit numbers without a result. */
export interface WasmFunction {
  readonly name: string;
  readonly parameters: number;
  /** Types of its locals, which are numbered behind the parameters. */
  readonly locals: readonly number[];
  readonly body: readonly Code[];
}

/** A module that imports its memory as `env.memory` and exports some functions. */
export function assemble(functions: readonly WasmFunction[]): Uint8Array<ArrayBuffer> {
  const text = (name: string): number[] => sized([...new TextEncoder().encode(name)]);
  const section = (id: number, items: readonly Code[]): number[] => [id, ...sized(vector(items))];
  const types = functions.map(({ parameters }): Code => [
    0x60,
    ...vector(Array.from({ length: parameters }, () => [I32])),
    0,
  ]);
  const bodies = functions.map(({ locals, body }) =>
    sized([...vector(locals.map((type) => [1, type])), ...body.flat(), 0x0b]),
  );
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, types),
    ...section(2, [[...text('env'), ...text('memory'), 2, 0, 1]]),
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
