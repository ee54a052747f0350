import { ATTRIBUTE, DTYPE, type Attribute } from './binding.js';

/** A few operations of TensorFlow one after another. */
export interface Program {
  readonly steps: readonly Step[];
}

export interface Step {
  readonly op: string;
  readonly attributes: readonly Attribute[];
  readonly inputs: readonly Operand[];
  readonly outputs: readonly string[];
  /** Values of this program that no later step reads. */
  readonly free: readonly string[];
}

/** The name of a value, a float32 constant, or an int32 vector. */
export type Operand = string | number | readonly number[];

/**
 * A program from lines in ONNX's text syntax, `y = Op <attribute = 1> (x, z)`, or without outputs. A number in place of an input is a float32
 * constant, `[0, 2]` an int32 vector; attributes with a point or an exponent are floats, words are types. Values beside
 * the results are freed after the last step that reads them.
 */
export function parseProgram(lines: string, results: readonly string[]): Program {
  const written = lines.split('\n').map((line) => line.trim());
  const steps = written.filter(Boolean).map(parseLine);
  const kept = new Set(results);
  const last = new Map<string, number>();
  steps.forEach(({ inputs, outputs }, i) => {
    for (const name of [...inputs, ...outputs]) if (typeof name === 'string') last.set(name, i);
  });
  const made = new Set(steps.flatMap(({ outputs }) => outputs));
  const freed = [...made].filter((name) => !kept.has(name));
  return { steps: steps.map((step, i) => ({ ...step, free: freed.filter((name) => last.get(name) === i) })) };
}

const LINE = /^(?:([\w, ]+) = )?(\w+) (?:<([^>]*)> )?\((.*)\)$/;

function parseLine(line: string): Omit<Step, 'free'> {
  const match = LINE.exec(line);
  if (!match) throw new SyntaxError(`expected 'y = Op <attribute = 1> (x, z)', got '${line}'`);
  const [, outputs, op, attributes, inputs] = match;
  return {
    op,
    attributes: split(attributes ?? '').map(parseAttribute),
    inputs: split(inputs).map(parseOperand),
    outputs: split(outputs ?? ''),
  };
}

/** At commas outside brackets. */
function split(list: string): string[] {
  return list
    .split(/,(?![^[]*\])/)
    .map((part) => part.trim())
    .filter(Boolean);
}

const NUMBER = /^-?(\d|\.\d)/;

function parseOperand(text: string): Operand {
  if (text.startsWith('[')) return split(text.slice(1, -1)).map(Number);
  return NUMBER.test(text) ? Number(text) : text;
}

function parseAttribute(text: string): Attribute {
  const [name, value] = text.split(' = ');
  if (value === 'true' || value === 'false') return { name, type: ATTRIBUTE.bool, value: value === 'true' };
  if (value in DTYPE) return { name, type: ATTRIBUTE.type, value: DTYPE[value as keyof typeof DTYPE] };
  return { name, type: /[.e]/.test(value) ? ATTRIBUTE.float : ATTRIBUTE.int, value: Number(value) };
}
