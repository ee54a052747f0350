import { concatBytes, protoField, protoInt, protoText } from '@wbdc/io/proto';
import type { Products } from './products.js';
import { transpose } from './transpose.js';

/** What is used of onnxruntime-node; pass the module itself: `import * as ort from 'onnxruntime-node'`. */
export interface OnnxRuntime {
  InferenceSession: { create(model: Uint8Array): Promise<Session> };
  Tensor: new (type: 'float64', data: Float64Array, dims: readonly number[]) => object;
}

interface Session {
  run(feeds: Record<string, never>): Promise<Record<string, { readonly data: unknown }>>;
}

/**
 * Columns are cut into panels of about this width: of the Gram matrix only the pairs on and above the diagonal are
 * multiplied. Wider ones make more of the products that are not needed, and narrower ones each of them slower.
 */
const PANEL = 192;

/** Rows that are projected together: of many more, each product takes them from memory several times. */
const STRIP = 512;

/**
 * The products on ONNX Runtime, in float64 on all cores: several times faster than javascriptProducts. The module is
 * an argument, because its native library is not for everybody to install.
 */
export async function onnxProducts(ort: OnnxRuntime): Promise<Products> {
  const project = await ort.InferenceSession.create(projectModel());
  const tensor = (data: Float64Array, dims: number[]) => new ort.Tensor('float64', data, dims) as never;
  const grams = new Map<number, Promise<Session>>();
  const gramOf = (panels: number): Promise<Session> => {
    const session = grams.get(panels) ?? ort.InferenceSession.create(gramModel(panels));
    grams.set(panels, session);
    return session;
  };
  const addGramOfColumns: Products['addGramOfColumns'] = async (columns, rows, width, sum) => {
    const panels = Math.max(1, Math.round(width / PANEL));
    const starts = Array.from({ length: panels + 1 }, (_, i) => Math.floor((i * width) / panels));
    const feeds = starts.slice(0, panels).map((start, i) => {
      const panel = columns.subarray(start * rows, starts[i + 1] * rows);
      return [`p${i}`, tensor(panel, [starts[i + 1] - start, rows])] as const;
    });
    const session = await gramOf(panels);
    const parts = await session.run(Object.fromEntries(feeds));
    for (const [i, j] of pairsOf(panels)) addPart(parts[`g${i}_${j}`].data as Float64Array, sum, width, starts, i, j);
  };
  return {
    addGram: (x, rows, width, sum) => addGramOfColumns(transpose(x, rows, width), rows, width, sum),
    addGramOfColumns,
    project: async (x, rows, width, c, rank) => {
      const b = tensor(c, [rank, width]);
      const product = async (from: number, to: number): Promise<Float64Array> => {
        const { y } = await project.run({ a: tensor(x.subarray(from * width, to * width), [to - from, width]), b });
        return y.data as Float64Array;
      };
      if (rows <= STRIP) return product(0, rows);
      const result = new Float64Array(rows * rank);
      for (let from = 0; from < rows; from += STRIP) {
        result.set(await product(from, Math.min(from + STRIP, rows)), from * rank);
      }
      return result;
    },
  };
}

/** Pairs of panels on and above the diagonal. */
function pairsOf(panels: number): [number, number][] {
  const all = Array.from({ length: panels * panels }, (_, k): [number, number] => [Math.floor(k / panels), k % panels]);
  return all.filter(([i, j]) => i <= j);
}

/** Adds the product of panels i and j to the matrix. */
function addPart(part: Float64Array, sum: Float64Array, width: number, starts: number[], i: number, j: number): void {
  const columns = starts[j + 1] - starts[j];
  for (let from = 0, row = starts[i]; row < starts[i + 1]; row++, from += columns) {
    const at = row * width + starts[j];
    for (let c = 0; c < columns; c++) sum[at + c] += part[from + c];
  }
}

// ONNX models as bytes; field numbers of onnx.proto, https://github.com/onnx/onnx/blob/main/onnx/onnx.proto.

const DOUBLE = 11;
const INT_ATTRIBUTE = 2;

/** g_ij = p_i p_j^T of panels p of columns. */
function gramModel(panels: number): Uint8Array {
  const pairs = pairsOf(panels);
  const products = pairs.map(([i, j]) => node('Gemm', [`p${i}`, `p${j}`], [`g${i}_${j}`], { transB: 1 }));
  const inputs = Object.fromEntries(Array.from({ length: panels }, (_, i) => [`p${i}`, DOUBLE]));
  return model(
    products,
    inputs,
    pairs.map(([i, j]) => `g${i}_${j}`),
  );
}

function projectModel(): Uint8Array {
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
