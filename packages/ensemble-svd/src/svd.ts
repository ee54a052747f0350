import { fromRoot, gatherValues, single, type Communicator } from '@wbdc/distributed';
import { WbdcError } from '@wbdc/io/errors';
import { topEigen } from './eigen.js';
import { checkLayout, checkWeights, type Embeddings, type Layout } from './members.js';
import type { LowerProduct } from './lower-product.js';
import type { Member } from './matrix.js';
import { javascriptProducts, type Products } from './products.js';
import { weightedRows, type Blocks } from './rows.js';
import { symmetricMatrix } from './tridiagonal.js';

/** A fitted projection: M models, W the sum of their widths, K dimensions kept. */
export interface SvdEnsemble extends Layout {
  /** Weight of each model's cosine `[M]`. */
  readonly weights: readonly number[];
  /** K. */
  readonly dimension: number;
  /** Right singular vectors `[K, W]`, the strongest first. */
  readonly components: Float64Array;
  /** `[K]`, falling. */
  readonly singularValues: Float64Array;
  /** Part of the rows' squared length that the K dimensions keep, 0 to 1. */
  readonly share: number;
}

export interface TransformOptions {
  /** Who multiplies. Default: plain JavaScript. */
  products?: Products;
}

export interface FitOptions extends TransformOptions {
  /** K, at most the rank of the concatenated rows. */
  dimension: number;
  /** Weight of each model's cosine. Default 1/M each. */
  weights?: readonly number[];
  /**
   * Processes that have the rows among them, each some of its own or none; all fit with the same options and get the
   * same ensemble. Default: this one has all.
   */
  communicator?: Communicator;
}

/** The rows have fewer independent directions than were asked for. */
export class RankError extends WbdcError {
  override readonly name = 'RankError';

  constructor(
    message: string,
    /** So many they have: a dimension that can be had. */
    readonly rank: number,
  ) {
    super(message);
  }
}

/**
 * Fits the SVD ensemble of the QQ Browser 2021 winners: rows of every model to length 1, times sqrt(w), side by side,
 * truncated SVD without centring. With all dimensions kept, cos = sum(w_i cos_i) / sum(w_i); truncation loses the
 * least.
 *
 * Computed through the W x W Gram matrix, one pass over the rows, memory independent of their number. Directions whose
 * singular value is below about 6e-7 of the strongest count as none. Same rows, same result, however they are cut. Of
 * several processes each adds up its own rows, the sums of W (W + 1) / 2 numbers are added over all, and the first
 * makes the ensemble of them for all.
 *
 * @throws when models have different ids, or a value is not finite; RankError when the rank is below `dimension`
 */
export async function fit(members: readonly Member[], options: FitOptions): Promise<SvdEnsemble> {
  return fitBlocks([members], options);
}

/** As {@link fit}, for rows that come in blocks; each block holds rows of all models for the same ids. */
export async function fitBlocks(blocks: Blocks, options: FitOptions): Promise<SvdEnsemble> {
  const products = options.products ?? javascriptProducts;
  const { dimension, communicator = single } = options;
  const own = await sumRows(blocks, options, products);
  const layout = await sameLayout(communicator, own?.layout);
  if (layout === undefined)
    throw new WbdcError('ensemble: fit: expected rows, got none. Pass at least one block with rows.');
  const weights = checkWeights(options.weights, layout.names);
  const width = sum(layout.widths);
  const gram = own?.gram ?? symmetricMatrix(width);
  if (communicator.size === 1)
    return { ...layout, weights, dimension, ...(await decompose(gram, layout, dimension, products)) };
  await sumUpper(communicator, gram.matrix, width);
  return { ...layout, weights, dimension, ...(await decomposeOnce(communicator, gram, layout, dimension, products)) };
}

/** The Gram matrix of all rows, on and above the diagonal. The chunks that it is made of are let go with this call. */
async function sumRows(
  blocks: Blocks,
  options: FitOptions,
  products: Products,
): Promise<{ layout: Layout; gram: LowerProduct } | undefined> {
  const byColumns = products.addGramOfColumns !== undefined;
  const weightsOf = ({ names, widths }: Layout): readonly number[] => {
    checkDimension(options.dimension, sum(widths));
    return checkWeights(options.weights, names);
  };
  let made: { layout: Layout; gram: LowerProduct } | undefined;
  for await (const { layout, ids, x } of weightedRows(blocks, weightsOf, byColumns)) {
    const width = sum(layout.widths);
    made ??= { layout, gram: symmetricMatrix(width) };
    if (byColumns) await products.addGramOfColumns!(x, ids.length, width, made.gram.matrix);
    else await products.addGram(x, ids.length, width, made.gram.matrix);
  }
  return made;
}

type Decomposition = Pick<SvdEnsemble, 'components' | 'singularValues' | 'share'>;

/** By rank 0 for all: on machines of other kinds the last bits of products differ, and vectors with them. */
async function decomposeOnce(
  communicator: Communicator,
  gram: LowerProduct,
  layout: Layout,
  dimension: number,
  products: Products,
): Promise<Decomposition> {
  const width = sum(layout.widths);
  const blank = { components: new Float64Array(dimension * width), singularValues: new Float64Array(dimension) };
  let made: Omit<Decomposition, 'share'> = blank;
  const told = await fromRoot(
    communicator,
    async (): Promise<{ share: number } | Pick<RankError, 'message' | 'rank'>> => {
      try {
        const { share, ...arrays } = await decompose(gram, layout, dimension, products);
        made = arrays;
        return { share };
      } catch (error) {
        if (error instanceof RankError) return { message: error.message, rank: error.rank };
        throw error;
      }
    },
  );
  if ('rank' in told) throw new RankError(told.message, told.rank);
  await communicator.broadcast(made.components);
  await communicator.broadcast(made.singularValues);
  return { ...made, share: told.share };
}

/** The layout of all processes that have rows. @throws WbdcError on each where they differ */
async function sameLayout(communicator: Communicator, own: Layout | undefined): Promise<Layout | undefined> {
  if (communicator.size === 1) return own;
  const all = await gatherValues(communicator, own ? { names: own.names, widths: own.widths } : null);
  const rank = all.findIndex((layout) => layout !== null);
  const described = (layout: Pick<Layout, 'names' | 'widths'>): string =>
    layout.names.map((name, i) => `${name} (${layout.widths[i]})`).join(', ');
  const other = all.findIndex((layout) => layout !== null && described(layout) !== described(all[rank]!));
  if (other < 0) return all[rank] ?? undefined;
  const [expected, got] = [described(all[rank]!), described(all[other]!)];
  throw new WbdcError({ where: `ensemble: fit: rank ${other}`, expected: `rows of ${expected} as rank ${rank}`, got });
}

/** Adds matrices `[n, n]` on and above the diagonal over all processes, some rows at a time. */
async function sumUpper(communicator: Communicator, matrix: Float64Array, n: number): Promise<void> {
  const rows = Math.max(1, Math.floor(SENT / n));
  for (let first = 0; first < n; first += rows) {
    const last = Math.min(n, first + rows);
    const lengths = Array.from({ length: last - first }, (_, i) => n - first - i);
    const packed = new Float64Array(sum(lengths));
    let start = 0;
    for (let row = first; row < last; start += n - row, row++) {
      packed.set(matrix.subarray(row * n + row, (row + 1) * n), start);
    }
    await communicator.allReduce(packed);
    start = 0;
    for (let row = first; row < last; start += n - row, row++) {
      matrix.set(packed.subarray(start, start + n - row), row * n + row);
    }
  }
}

/** Numbers in one message: 16 MiB. */
const SENT = 1 << 21;

async function decompose(
  gram: LowerProduct,
  layout: Layout,
  dimension: number,
  products: Products,
): Promise<Decomposition> {
  const width = sum(layout.widths);
  mirror(gram.matrix, width);
  let trace = 0;
  for (let i = 0; i < width; i++) trace += gram.matrix[i * width + i];
  const { values, vectors } = await topEigen(gram, width, dimension, products);
  const floor = values[0] * width * Number.EPSILON; // below it an eigenvalue of the Gram matrix is rounding
  const rank = values.findIndex((value) => !(value > floor));
  if (rank >= 0) {
    throw new RankError(
      `ensemble: fit: expected rows of rank ${dimension} or more, got rank ${rank} (${layout.names.join(', ')}, ` +
        `${width} columns). Ask for ${rank} dimensions or fewer, or fit on more rows; equal models add no rank.`,
      rank,
    );
  }
  return { components: vectors, singularValues: values.map(Math.sqrt), share: sum(values) / trace };
}

/** Rows of the ensemble, K wide, in the order of the first model's ids. */
export async function transform(
  ensemble: SvdEnsemble,
  members: readonly Member[],
  options: TransformOptions = {},
): Promise<Embeddings> {
  const ids: string[] = [];
  const values = new Float64Array((members[0]?.ids.length ?? 0) * ensemble.dimension);
  for await (const part of transformBlocks(ensemble, [members], options)) {
    values.set(part.values, ids.length * ensemble.dimension);
    for (const id of part.ids) ids.push(id);
  }
  return { name: 'ensemble', ids, width: ensemble.dimension, values };
}

/** As {@link transform}, in blocks: memory is independent of the number of rows. */
export async function* transformBlocks(
  ensemble: SvdEnsemble,
  blocks: Blocks,
  options: TransformOptions = {},
): AsyncGenerator<Embeddings> {
  const products = options.products ?? javascriptProducts;
  const { dimension, components } = ensemble;
  const chunks = weightedRows(blocks, (layout) => {
    checkLayout(layout, ensemble);
    return ensemble.weights;
  });
  for await (const { ids, x } of chunks) {
    const values = await products.project(x, ids.length, sum(ensemble.widths), components, dimension);
    yield { name: 'ensemble', ids, width: dimension, values };
  }
}

/**
 * Transductive mode, as the original did: fit on the very rows to be submitted, then transform them. Rows of other
 * videos can be transformed with the returned ensemble.
 */
export async function fitTransform(
  members: readonly Member[],
  options: FitOptions,
): Promise<{ ensemble: SvdEnsemble; embeddings: Embeddings }> {
  const ensemble = await fit(members, options);
  return { ensemble, embeddings: await transform(ensemble, members, options) };
}

/** Copies the upper half below the diagonal. */
function mirror(matrix: Float64Array, n: number): void {
  for (let i = 1; i < n; i++) for (let j = 0; j < i; j++) matrix[i * n + j] = matrix[j * n + i];
}

function checkDimension(dimension: number, width: number): void {
  if (Number.isInteger(dimension) && dimension >= 1 && dimension <= width) return;
  throw new WbdcError(
    `ensemble: dimension: expected a whole number from 1 to ${width}, the columns of all models, got ${dimension}.`,
  );
}

function sum(values: readonly number[] | Float64Array): number {
  let total = 0;
  for (const value of values) total += value;
  return total;
}
