import onnxProto from 'onnx-proto';
import type { onnx } from 'onnx-proto';
import { FormatError, WbdcError } from '@wbdc/io/errors';

const { ModelProto, AttributeProto } = onnxProto.onnx;

/** ONNX's numbers for the element types in use. */
export const ELEMENT = { float32: 1, uint8: 2, int8: 3, int32: 6, int64: 7, float16: 10 } as const;
/** A protobuf cannot be larger. */
export const LARGEST_BYTES = 2 ** 31 - 1;
/** `TensorProto.DataLocation` of weights in a file of their own. */
const EXTERNAL = 1;
/** The first with a scale for each row or column. */
const FIRST_OPSET = 13;

/** A graph whose nodes and weights are to be replaced. */
export interface OnnxContents {
  readonly nodes: readonly onnx.INodeProto[];
  readonly weights: ReadonlyMap<string, onnx.ITensorProto>;
  /** Names of what is fed. */
  readonly inputs: ReadonlySet<string>;
  /** The file with other nodes, weights and further outputs. */
  encode(change: {
    readonly nodes?: readonly onnx.INodeProto[];
    readonly weights?: Iterable<onnx.ITensorProto>;
    readonly outputs?: readonly string[];
  }): Uint8Array;
}

/**
 * Reads an ONNX file.
 *
 * @throws FormatError `onnx-file` where it is none; WbdcError `onnx-external` where its weights are in another file,
 *   `onnx-graph` where it holds what is not read here
 */
export function decodeOnnx(bytes: Uint8Array, where: string): OnnxContents {
  const model = parse(bytes, where);
  const graph = model.graph!;
  const nodes = graph.node ?? [];
  const initializers = graph.initializer ?? [];
  const inputs = new Set((graph.input ?? []).map(({ name }) => name ?? ''));
  if (initializers.some(({ dataLocation }) => dataLocation === EXTERNAL)) {
    const problem = { expected: 'an ONNX model with its weights inside', got: 'weights in a file beside it' };
    throw new WbdcError({ where, ...problem, advice: 'export it as one file', code: 'onnx-external' });
  }
  const opset = Number(String((model.opsetImport ?? []).find(({ domain }) => !domain)?.version ?? 0));
  if (opset < FIRST_OPSET) throw graphProblem(where, `operators of opset ${FIRST_OPSET} or later`, `opset ${opset}`);
  const branch = nodes.find(({ attribute }) => (attribute ?? []).some(({ g }) => g));
  if (branch) throw graphProblem(where, 'a graph without branches or loops', `a node ${branch.opType ?? ''}`);
  return {
    nodes,
    weights: new Map(initializers.flatMap((one) => (inputs.has(one.name!) ? [] : [[one.name!, one] as const]))),
    inputs,
    encode: ({ nodes: node = nodes, weights = initializers, outputs = [] }) => {
      const output = [...(graph.output ?? []), ...outputs.map((name) => valueInfo(name, 'float32'))];
      const others = initializers.filter(({ name }) => inputs.has(name!));
      const initializer = weights === initializers ? initializers : [...others, ...weights];
      return ModelProto.encode({ ...model, graph: { ...graph, node: [...node], initializer, output } }).finish();
    },
  };
}

function parse(bytes: Uint8Array, where: string): onnx.IModelProto {
  const got = 'bytes of something else';
  try {
    const model = ModelProto.decode(bytes);
    if (model.graph?.node?.length) return model;
  } catch (cause) {
    throw new FormatError({ where, expected: 'an ONNX model', got, code: 'onnx-file' }, { cause });
  }
  throw new FormatError({ where, expected: 'an ONNX model', got, code: 'onnx-file' });
}

function graphProblem(where: string, expected: string, got: string): WbdcError {
  return new WbdcError({ where, expected, got, code: 'onnx-graph' });
}

/** A tensor's sizes. */
export function sizesOf({ dims }: onnx.ITensorProto): number[] {
  return (dims ?? []).map((size) => Number(String(size)));
}

/**
 * The float32 values of a tensor; undefined of other types.
 *
 * @throws FormatError `onnx-file` where there are not as many as its sizes say
 */
export function floatsOf(tensor: onnx.ITensorProto, where: string): Float32Array | undefined {
  if (tensor.dataType !== ELEMENT.float32) return undefined;
  const count = sizesOf(tensor).reduce((product, size) => product * size, 1);
  const raw = tensor.rawData;
  // In a file they start anywhere: a copy stands where float32 may.
  if (raw?.length === 4 * count) return new Float32Array(new Uint8Array(raw).buffer);
  const values = Float32Array.from(tensor.floatData ?? []);
  if (!raw?.length && values.length === count) return values;
  const got = raw?.length ? `${raw.length} bytes` : String(values.length);
  const expected = `${count} values of ${tensor.name ?? 'a tensor'}`;
  throw new FormatError({ where, expected, got, code: 'onnx-file' });
}

/** A tensor of the bytes of an array. */
export function tensorOf(
  name: string,
  type: keyof typeof ELEMENT,
  dims: readonly number[],
  { buffer, byteOffset, byteLength }: ArrayBufferView,
): onnx.ITensorProto {
  const rawData = new Uint8Array(buffer, byteOffset, byteLength);
  return { name, dataType: ELEMENT[type], dims: [...dims], rawData };
}

/** A value of a graph; without sizes they stay open. */
export function valueInfo(
  name: string,
  type: keyof typeof ELEMENT,
  shape?: readonly (number | string)[],
): onnx.IValueInfoProto {
  const dim = shape?.map((size) => (typeof size === 'number' ? { dimValue: size } : { dimParam: size }));
  return { name, type: { tensorType: { elemType: ELEMENT[type], ...(dim && { shape: { dim } }) } } };
}

/** An attribute; the only one of ours that is no whole number is an epsilon. */
export function attributeOf(name: string, value: number | readonly number[]): onnx.IAttributeProto {
  const { FLOAT, INT, INTS } = AttributeProto.AttributeType;
  if (typeof value !== 'number') return { name, type: INTS, ints: [...value] };
  return name === 'epsilon' ? { name, type: FLOAT, f: value } : { name, type: INT, i: value };
}

/** A node of a graph. */
export function nodeOf(
  opType: string,
  input: readonly string[],
  output: readonly string[],
  attributes: Readonly<Record<string, number | readonly number[]>> = {},
): onnx.INodeProto {
  const attribute = Object.entries(attributes).map(([name, value]) => attributeOf(name, value));
  return { opType, name: `${output[0]}_${opType}`, input: [...input], output: [...output], attribute };
}
