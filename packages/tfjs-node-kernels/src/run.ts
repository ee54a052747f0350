import type { Tensor, TensorInfo } from '@tensorflow/tfjs';
import type { Operand } from '@wbdc/nn/operations';
import { DTYPE, type Handle, type NodeBackend } from './binding.js';
import { parseProgram, type Program } from './program.js';

/** A tensor of tfjs or TensorFlow; a float32 number or an int32 vector that lives for the call alone. */
export type Input = TensorInfo | Handle | number | readonly number[];

/** Runs lines (see {@link parseProgram}) and gives those results; all else that they make is freed. */
export function run<const Names extends readonly string[]>(
  backend: NodeBackend,
  lines: string,
  inputs: Readonly<Record<string, Input>>,
  results: Names,
): Each<Names, Tensor> {
  const handles = runHandles(backend, lines, inputs, results);
  return handles.map((handle) => backend.createOutputTensor(handle)) as Each<Names, Tensor>;
}

/** One value for each name, in their order. */
export type Each<Names extends readonly string[], Value> = { -readonly [Index in keyof Names]: Value };

/** The same, with results that the caller frees. */
export function runHandles(
  backend: NodeBackend,
  lines: string,
  inputs: Readonly<Record<string, Input>>,
  results: readonly string[],
): Handle[] {
  const given = new Map<string, number>();
  const temporary: number[] = [];
  try {
    for (const [name, input] of Object.entries(inputs)) {
      const passing = typeof input === 'number' || !('shape' in input);
      const id = passing ? newConstant(backend, input) : idOfTensor(backend, input);
      if (passing) temporary.push(id);
      given.set(name, id);
    }
    const values = runProgram(backend, programOf(lines, results), given);
    return results.map((name) => values.get(name)!);
  } finally {
    for (const id of temporary) backend.binding.deleteTensor(id);
  }
}

function idOfTensor(backend: NodeBackend, tensor: TensorInfo | Handle): number {
  return 'dataId' in tensor ? backend.getInputTensorIds([tensor])[0] : tensor.id;
}

/** The values of a program that are left when it has run; none where a step fails. */
function runProgram(backend: NodeBackend, { steps }: Program, given: ReadonlyMap<string, number>): Map<string, Handle> {
  const { binding } = backend;
  const values = new Map<string, Handle>();
  const free = (name: string): void => {
    binding.deleteTensor(values.get(name)!.id);
    values.delete(name);
  };
  const idOf = (operand: Operand): number => {
    if (typeof operand !== 'string') return keptConstant(backend, operand);
    const id = values.get(operand)?.id ?? given.get(operand);
    if (id === undefined) throw new ReferenceError(`expected a value '${operand}', got none of that name`);
    return id;
  };
  try {
    for (const { op, attributes, inputs, outputs, free: used } of steps) {
      const handles = binding.executeOp(op, attributes, inputs.map(idOf), outputs.length);
      handles.forEach((handle, i) => values.set(outputs[i], handle));
      used.forEach(free);
    }
    return values;
  } catch (error) {
    [...values.keys()].forEach(free);
    throw error;
  }
}

/** Programs by their text: a model has some dozens. */
const programs = new Map<string, Program>();

function programOf(lines: string, results: readonly string[]): Program {
  const key = `${lines}\n${results.join()}`;
  let program = programs.get(key);
  if (!program) {
    program = parseProgram(lines, results);
    programs.set(key, program);
  }
  return program;
}

/** Constants of programs, kept in TensorFlow by their text. */
const constants = new WeakMap<NodeBackend, Map<string, number>>();

function keptConstant(backend: NodeBackend, value: number | readonly number[]): number {
  let known = constants.get(backend);
  if (!known) constants.set(backend, (known = new Map<string, number>()));
  const key = JSON.stringify(value);
  let id = known.get(key);
  if (id === undefined) known.set(key, (id = newConstant(backend, value)));
  return id;
}

function newConstant({ binding }: NodeBackend, value: number | readonly number[]): number {
  if (typeof value === 'number') return binding.createTensor([], DTYPE.float32, Float32Array.of(value));
  return binding.createTensor([value.length], DTYPE.int32, Int32Array.from(value));
}
