import { concatBytes, protoField, protoInt, protoText } from '@wbdc/io/proto';
import type { Products } from './products.js';
import { transpose } from './transpose.js';

/** What is used of onnxruntime-node; pass the module itself: `import * as ort from 'onnxruntime-node'`. */
export interface OnnxRuntime {
  InferenceSession: { create(model: Uint8Array): Promise<Session> };
  Tensor: new (type: 'float64', data: Float64Array, dims: readonly number[]) => object;
}

interface Session {
  run(feeds: Record<string, never>, fetches: Record<string, never>): Promise<unknown>;
}

/**
 * The Gram matrix is made of so many of its rows at a time, from the diagonal's block on: more make more of the
 * products that are not needed, and fewer each of them slower.
 */
const PANEL = 192;

/** Rows that are projected together: of many more, each product takes them from memory several times. */
const STRIP = 512;

/**
 * The products on ONNX Runtime, in float64 on all cores: several times faster than javascriptProducts. The module is
 * an argument, because its native library is not for everybody to install.
 */
export async function onnxProducts(ort: OnnxRuntime): Promise<Products> {
  const session = await ort.InferenceSession.create(productModel());
  const tensor = (data: Float64Array, dims: number[]) => new ort.Tensor('float64', data, dims) as never;
  /** out = a b^T of a `[m, depth]`, b `[n, depth]`: into our memory, because ONNX Runtime keeps what it allocates. */
  const product = async (a: Float64Array, m: number, b: Float64Array, n: number, depth: number, out: Float64Array) => {
    await session.run({ a: tensor(a, [m, depth]), b: tensor(b, [n, depth]) }, { y: tensor(out, [m, n]) });
  };
  const addGramOfColumns: Products['addGramOfColumns'] = async (columns, rows, width, sum) => {
    const panels = Math.max(1, Math.round(width / PANEL));
    const scratch = new Float64Array(Math.ceil(width / panels) * width);
    for (let p = 0; p < panels; p++) {
      const [from, to] = [Math.floor((p * width) / panels), Math.floor(((p + 1) * width) / panels)];
      const part = scratch.subarray(0, (to - from) * (width - from));
      const [panel, rest] = [columns.subarray(from * rows, to * rows), columns.subarray(from * rows, width * rows)];
      await product(panel, to - from, rest, width - from, rows, part);
      addPart(part, sum, width, from);
    }
  };
  return {
    addGram: (x, rows, width, sum) => addGramOfColumns(transpose(x, rows, width), rows, width, sum),
    addGramOfColumns,
    project: async (x, rows, width, c, rank) => {
      const result = new Float64Array(rows * rank);
      for (let from = 0; from < rows; from += STRIP) {
        const to = Math.min(from + STRIP, rows);
        const part = result.subarray(from * rank, to * rank);
        await product(x.subarray(from * width, to * width), to - from, c, rank, width, part);
      }
      return result;
    },
  };
}

/** Adds rows of a matrix `[width, width]` from one on, whose columns begin there. */
function addPart(part: Float64Array, sum: Float64Array, width: number, from: number): void {
  const columns = width - from;
  for (let at = 0, to = from * width + from; at < part.length; at += columns, to += width) {
    for (let c = 0; c < columns; c++) sum[to + c] += part[at + c];
  }
}

// ONNX models as bytes; field numbers of onnx.proto, https://github.com/onnx/onnx/blob/main/onnx/onnx.proto.

const DOUBLE = 11;
const INT_ATTRIBUTE = 2;

function productModel(): Uint8Array {
  return model([node('Gemm', ['a', 'b'], ['y'], { transB: 1 })], { a: DOUBLE, b: DOUBLE }, ['y']);
}

function model(nodes: readonly Uint8Array[], inputs: Readonly<Record<string, number>>, outputs: readonly string[]) {
  const value = (name: string, type: number) => {
    return [protoText(1, name), protoField(2, [protoField(1, [protoInt(1, type)])])];
  };
  const graph = [
    ...nodes.map((bytes) => protoField(1, [bytes])),
    protoText(2, 'products'),
    ...Object.entries(inputs).map(([name, type]) => protoField(11, value(name, type))),
    ...outputs.map((name) => protoField(12, value(name, DOUBLE))),
  ];
  const opset = [protoText(1, ''), protoInt(2, 13)];
  return concatBytes([protoInt(1, 8), protoField(7, graph), protoField(8, opset)]); // 8: ir_version
}

function node(
  type: string,
  inputs: readonly string[],
  outputs: readonly string[],
  attributes: Record<string, number>,
): Uint8Array {
  const attribute = ([name, value]: [string, number]) => {
    return protoField(5, [protoText(1, name), protoInt(3, value), protoInt(20, INT_ATTRIBUTE)]);
  };
  return concatBytes([
    ...inputs.map((name) => protoText(1, name)),
    ...outputs.map((name) => protoText(2, name)),
    protoText(4, type),
    ...Object.entries(attributes).map(attribute),
  ]);
}
