import onnxProto from 'onnx-proto';
import type { onnx } from 'onnx-proto';
import { STOPPER } from './runtime.js';

const { ModelProto } = onnxProto.onnx;

/** ONNX's numbers for the element types in use. */
const ELEMENT = { float32: 1, int32: 6, int64: 7, bool: 9, bfloat16: 16 } as const;
export type ElementType = keyof Omit<typeof ELEMENT, 'bfloat16'>;

/** ai.onnx 20 has Gelu and LayerNormalization; com.microsoft has FusedMatMul and QuickGelu. */
const OPSETS = [
  { domain: '', version: 20 },
  { domain: 'com.microsoft', version: 1 },
];
const MICROSOFT = new Set(['FusedMatMul', 'QuickGelu']);

/**
 * A graph of all-dynamic shapes from lines in ONNX's text syntax, `y = Op <attribute = 1> (x, z)`. A number in place of
 * an input is a float32 constant, `[0, 2]` an int64 vector; attributes with a point or an exponent are floats.
 */
export function buildModel(
  lines: string,
  inputs: Record<string, ElementType>,
  outputs: Record<string, ElementType>,
): Uint8Array {
  const constants = new Map<string, onnx.ITensorProto>();
  const node = lines.split('\n').map((line) => parseLine(line.trim(), constants));
  const info = (types: Record<string, ElementType>): onnx.IValueInfoProto[] =>
    Object.entries(types).map(([name, type]) => ({ name, type: { tensorType: { elemType: ELEMENT[type] } } }));
  const stopper = { name: STOPPER, dataType: ELEMENT.bfloat16, dims: [], rawData: new Uint8Array(2) };
  const graph = {
    name: 'kernel',
    node,
    input: info(inputs),
    output: [{ name: STOPPER, type: { tensorType: { elemType: ELEMENT.bfloat16 } } }, ...info(outputs)],
    initializer: [stopper, ...constants.values()],
  };
  // A copy: what the encoder gives is a view of its own larger buffer.
  return ModelProto.encode({ irVersion: 8, opsetImport: OPSETS, graph }).finish().slice();
}

const LINE = /^([\w, ]+) = (\w+) (?:<([^>]*)> )?\((.*)\)$/;

function parseLine(line: string, constants: Map<string, onnx.ITensorProto>): onnx.INodeProto {
  const match = LINE.exec(line);
  if (!match) throw new SyntaxError(`expected 'y = Op <attribute = 1> (x, z)', got '${line}'`);
  const [, outputs, opType, attributes, inputs] = match;
  return {
    opType,
    domain: MICROSOFT.has(opType) ? 'com.microsoft' : '',
    input: split(inputs).map((text) => operand(text, constants)),
    output: split(outputs),
    attribute: split(attributes ?? '').map(parseAttribute),
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

function operand(text: string, constants: Map<string, onnx.ITensorProto>): string {
  if (text.startsWith('[')) {
    const int64Data = vector(text);
    constants.set(text, { name: text, dataType: ELEMENT.int64, dims: [int64Data.length], int64Data });
  } else if (NUMBER.test(text)) {
    constants.set(text, { name: text, dataType: ELEMENT.float32, dims: [], floatData: [Number(text)] });
  }
  return text;
}

const { FLOAT, INT, INTS } = onnxProto.onnx.AttributeProto.AttributeType;

function parseAttribute(text: string): onnx.IAttributeProto {
  const [name, value] = text.split(' = ');
  if (value.startsWith('[')) return { name, type: INTS, ints: vector(value) };
  return /[.e]/.test(value) ? { name, type: FLOAT, f: Number(value) } : { name, type: INT, i: Number(value) };
}

function vector(text: string): number[] {
  return split(text.slice(1, -1)).map(Number);
}

/** A number as a float attribute. */
export function float(value: number): string {
  return Number.isInteger(value) ? value.toFixed(1) : String(value);
}
