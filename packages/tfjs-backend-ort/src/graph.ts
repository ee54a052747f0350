import onnxProto from 'onnx-proto';
import type { onnx } from 'onnx-proto';
import { parseOperations, type Operand, type Operation, type OperationAttribute } from '@wbdc/nn/operations';
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
 * A graph of all-dynamic shapes from lines, see {@link parseOperations}: constants are float32, vectors int64.
 * @param stopped with the output in front that spares copies; providers but the processor's do not know its type
 */
export function buildModel(
  lines: string,
  inputs: Record<string, ElementType>,
  outputs: Record<string, ElementType>,
  stopped = true,
): Uint8Array {
  const constants = new Map<string, onnx.ITensorProto>();
  const node = parseOperations(lines).map((operation) => nodeOf(operation, constants));
  const info = (types: Record<string, ElementType>): onnx.IValueInfoProto[] =>
    Object.entries(types).map(([name, type]) => ({ name, type: { tensorType: { elemType: ELEMENT[type] } } }));
  const stopper = stopped ? [{ name: STOPPER, dataType: ELEMENT.bfloat16, dims: [], rawData: new Uint8Array(2) }] : [];
  const graph = {
    name: 'kernel',
    node,
    input: info(inputs),
    output: [
      ...stopper.map(({ name, dataType }) => ({ name, type: { tensorType: { elemType: dataType } } })),
      ...info(outputs),
    ],
    initializer: [...stopper, ...constants.values()],
  };
  // A copy: what the encoder gives is a view of its own larger buffer.
  return ModelProto.encode({ irVersion: 8, opsetImport: OPSETS, graph }).finish().slice();
}

function nodeOf(
  { op, attributes, inputs, outputs }: Operation,
  constants: Map<string, onnx.ITensorProto>,
): onnx.INodeProto {
  return {
    opType: op,
    domain: MICROSOFT.has(op) ? 'com.microsoft' : '',
    input: inputs.map((operand) => nameOf(operand, constants)),
    output: [...outputs],
    attribute: attributes.map(attributeOf),
  };
}

/** The name of a value, or of a constant, which is its text. */
function nameOf(operand: Operand, constants: Map<string, onnx.ITensorProto>): string {
  if (typeof operand === 'string') return operand;
  const name = JSON.stringify(operand);
  const tensor =
    typeof operand === 'number'
      ? { dataType: ELEMENT.float32, dims: [], floatData: [operand] }
      : { dataType: ELEMENT.int64, dims: [operand.length], int64Data: [...operand] };
  constants.set(name, { name, ...tensor });
  return name;
}

const { FLOAT, INT, INTS } = onnxProto.onnx.AttributeProto.AttributeType;

function attributeOf({ name, type, value }: OperationAttribute): onnx.IAttributeProto {
  switch (type) {
    case 'int':
      return { name, type: INT, i: value };
    case 'float':
      return { name, type: FLOAT, f: value };
    case 'ints':
      return { name, type: INTS, ints: [...value] };
    default:
      throw new SyntaxError(`${name}: expected a number or a vector, got ${value}`);
  }
}

/** A number as a float attribute. */
export function float(value: number): string {
  return Number.isInteger(value) ? value.toFixed(1) : String(value);
}
