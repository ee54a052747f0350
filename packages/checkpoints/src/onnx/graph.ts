import onnxProto from 'onnx-proto';
import type { onnx } from 'onnx-proto';
import type { Tensor } from '@tensorflow/tfjs';
import { WbdcError } from '@wbdc/io/errors';
import { flatten, type ParamTree } from '@wbdc/nn';
import { attributeOf, ELEMENT, LARGEST_BYTES, tensorOf, valueInfo } from './proto.js';

const { ModelProto } = onnxProto.onnx;

/** Element types of what is fed. */
export type OnnxType = 'float32' | 'int32' | 'int64';

/** A size, or the name of one that is only known when the model runs. */
export type OnnxDimension = number | string;

/** The name of a value in a graph. */
export type Value = string;

/** Of ai.onnx: the first with LayerNormalization; every onnxruntime since 1.12, in Node and in browsers, runs it. */
const OPSET = 17;
/** Of the file format, as old as the opset allows. */
const IR_VERSION = 8;

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
      this.#constants.set(name, tensorOf(name, 'float32', leaf.shape, leaf.dataSync<'float32'>()));
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
    return this.#constant(`float_${value}`, (name) => tensorOf(name, 'float32', [], Float32Array.of(value)));
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
