import onnxProto from 'onnx-proto';
import type { onnx } from 'onnx-proto';
import type { Tensor } from '@tensorflow/tfjs';
import { WbdcError } from '@wbdc/io/errors';
import { flatten, type ParamTree } from '@wbdc/nn';

const { ModelProto, AttributeProto } = onnxProto.onnx;

/** ONNX's numbers for the element types in use. */
const ELEMENT = { float32: 1, int32: 6, int64: 7 } as const;
export type OnnxType = keyof typeof ELEMENT;

/** A size, or the name of one that is only known when the model runs. */
export type OnnxDimension = number | string;

/** The name of a value in a graph. */
export type Value = string;

/** Of ai.onnx: the first with LayerNormalization; every onnxruntime since 1.12, in Node and in browsers, runs it. */
const OPSET = 17;
/** Of the file format, as old as the opset allows. */
const IR_VERSION = 8;
/** A protobuf cannot be larger. */
const LARGEST_BYTES = 2 ** 31 - 1;

/**
 * An ONNX graph in the making. Operations give the name of their result; weights are stored once, under their paths in
 * the parameter tree.
 */
export class OnnxGraph {
  readonly #nodes: onnx.INodeProto[] = [];
  readonly #constants = new Map<string, onnx.ITensorProto>();
  readonly #inputs: onnx.IValueInfoProto[] = [];
  readonly #outputs: onnx.IValueInfoProto[] = [];
  readonly #paths: Map<Tensor, string>;

  /** @param params the tree whose leaves {@link weight} takes */
  constructor(params: ParamTree) {
    this.#paths = new Map(flatten(params).map(({ path, leaf }) => [leaf, path]));
  }

  input(name: string, type: OnnxType, shape: readonly OnnxDimension[]): Value {
    this.#inputs.push(valueInfo(name, type, shape));
    return name;
  }

  /** Makes a float32 value an output of the model, by a name of its own. */
  output(name: string, value: Value, shape: readonly OnnxDimension[]): void {
    this.#nodes.push({ opType: 'Identity', input: [value], output: [name] });
    this.#outputs.push(valueInfo(name, 'float32', shape));
  }

  /** An operation with one result; attributes are whole numbers, or lists of them, but for `epsilon`. */
  op(
    opType: string,
    inputs: readonly Value[],
    attributes: Readonly<Record<string, number | readonly number[]>> = {},
  ): Value {
    const output = `${opType}_${this.#nodes.length}`;
    const attribute = Object.entries(attributes).map(([name, value]) => attributeOf(name, value));
    this.#nodes.push({ opType, name: output, input: [...inputs], output: [output], attribute });
    return output;
  }

  /** A leaf of the parameter tree. */
  weight(leaf: Tensor): Value {
    const name = this.#paths.get(leaf);
    if (name === undefined)
      throw new WbdcError(`expected a parameter of the tree, got a tensor [${leaf.shape.join(', ')}]`);
    if (!this.#constants.has(name))
      this.#constants.set(name, floatTensor(name, leaf.dataSync<'float32'>(), leaf.shape));
    return name;
  }

  /** A constant vector of whole numbers: shapes, axes, places. */
  ints(values: readonly number[]): Value {
    return this.#constant(`ints_${values.join('_')}`, (name) => ({
      name,
      dataType: ELEMENT.int64,
      dims: [values.length],
      int64Data: [...values],
    }));
  }

  /** One whole number, without an axis. */
  int(value: number): Value {
    return this.#constant(`int_${value}`, (name) => ({ name, dataType: ELEMENT.int64, dims: [], int64Data: [value] }));
  }

  float(value: number): Value {
    return this.#constant(`float_${value}`, (name) => floatTensor(name, Float32Array.of(value), []));
  }

  /** The file's bytes. */
  encode(): Uint8Array {
    const initializer = [...this.#constants.values()];
    const bytes = initializer.reduce((sum, { rawData }) => sum + (rawData?.length ?? 0), 0);
    if (bytes > LARGEST_BYTES) {
      throw new RangeError(`expected at most ${LARGEST_BYTES} bytes of weights in one ONNX file, got ${bytes}`);
    }
    const graph = {
      name: 'wbdc',
      node: this.#nodes,
      input: this.#inputs,
      output: this.#outputs,
      initializer,
    };
    const opsetImport = [{ domain: '', version: OPSET }];
    return ModelProto.encode({ irVersion: IR_VERSION, producerName: '@wbdc/nn', opsetImport, graph }).finish();
  }

  #constant(name: string, make: (name: string) => onnx.ITensorProto): Value {
    if (!this.#constants.has(name)) this.#constants.set(name, make(name));
    return name;
  }
}

function floatTensor(name: string, values: Float32Array, dims: number[]): onnx.ITensorProto {
  const rawData = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  return { name, dataType: ELEMENT.float32, dims, rawData };
}

function valueInfo(name: string, type: OnnxType, shape: readonly OnnxDimension[]): onnx.IValueInfoProto {
  const dim = shape.map((size) => (typeof size === 'number' ? { dimValue: size } : { dimParam: size }));
  return { name, type: { tensorType: { elemType: ELEMENT[type], shape: { dim } } } };
}

/** The only attribute of ours that is no whole number is an epsilon. */
function attributeOf(name: string, value: number | readonly number[]): onnx.IAttributeProto {
  const { FLOAT, INT, INTS } = AttributeProto.AttributeType;
  if (typeof value !== 'number') return { name, type: INTS, ints: [...value] };
  return name === 'epsilon' ? { name, type: FLOAT, f: value } : { name, type: INT, i: value };
}
