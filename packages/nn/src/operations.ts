/**
 * Fused kernels as text: engines that execute a few operations of another runtime one after another write them in
 * ONNX's text syntax, one operation a line, and translate what {@link parseOperations} gives.
 */

/** One line: `y, z = Op <attribute = 1> (x, 0.5, [0, 2])`. */
export interface Operation {
  readonly op: string;
  readonly attributes: readonly OperationAttribute[];
  readonly inputs: readonly Operand[];
  /** None where the line begins with the operation. */
  readonly outputs: readonly string[];
}

/** The name of a value, a constant number, or a constant vector of whole numbers. */
export type Operand = string | number | readonly number[];

/** A number with a point or an exponent is a float; a word other than true and false names an element type. */
export type OperationAttribute = { readonly name: string } & (
  | { readonly type: 'int' | 'float'; readonly value: number }
  | { readonly type: 'ints'; readonly value: readonly number[] }
  | { readonly type: 'bool'; readonly value: boolean }
  | { readonly type: 'type'; readonly value: string }
);

/**
 * The operations of some lines; empty lines do not count.
 * @throws SyntaxError at a line of another form
 */
export function parseOperations(lines: string): Operation[] {
  return lines
    .split('\n')
    .map((line) => line.trim())
    .filter(Boolean)
    .map(parseLine);
}

const LINE = /^(?:([\w, ]+) = )?(\w+) (?:<([^>]*)> )?\((.*)\)$/;

function parseLine(line: string): Operation {
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
    .map((item) => item.trim())
    .filter(Boolean);
}

const NUMBER = /^-?(\d|\.\d)/;

function parseOperand(text: string): Operand {
  if (text.startsWith('[')) return parseVector(text);
  return NUMBER.test(text) ? Number(text) : text;
}

function parseAttribute(text: string): OperationAttribute {
  const [name, value] = text.split(' = ');
  if (value.startsWith('[')) return { name, type: 'ints', value: parseVector(value) };
  if (value === 'true' || value === 'false') return { name, type: 'bool', value: value === 'true' };
  if (!NUMBER.test(value)) return { name, type: 'type', value };
  return { name, type: /[.e]/.test(value) ? 'float' : 'int', value: Number(value) };
}

function parseVector(text: string): number[] {
  return split(text.slice(1, -1)).map(Number);
}
