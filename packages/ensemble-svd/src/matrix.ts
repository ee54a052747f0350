import { WbdcError } from '@wbdc/io/errors';
import { Matrix } from 'ml-matrix';
import type { Embeddings } from './members.js';

/** Rows of one model in a `Matrix` of ml-matrix: row i belongs to ids[i]. */
export interface MatrixRows {
  /** Name of the model, as of {@link Embeddings}. */
  readonly name: string;
  readonly ids: readonly string[];
  /** `[ids.length, width]` */
  readonly matrix: Matrix;
}

/** Rows of one model, in a typed array or in a `Matrix`. */
export type Member = Embeddings | MatrixRows;

/** The rows in a typed array; those of a `Matrix` are copied. */
export function asEmbeddings(member: Member): Embeddings {
  if (!('matrix' in member)) return member;
  const { name, ids, matrix } = member;
  if (matrix.rows !== ids.length) {
    throw new WbdcError(
      `ensemble: model '${name}': expected a matrix of ${ids.length} rows, one for each id, got ${matrix.rows}. ` +
        'Check that ids and matrix belong together.',
    );
  }
  return { name, ids, width: matrix.columns, values: Float64Array.from(matrix.to1DArray()) };
}

/** Rows as a `Matrix` `[ids.length, width]` of their own. */
export function matrixOf({ ids, width, values }: Embeddings): Matrix {
  return Matrix.from1DArray(ids.length, width, values);
}

/**
 * A fitted projection as a `Matrix` `[W, K]`: rows of all models side by side, each of length 1 and times the root of
 * its weight, times it are the rows of the ensemble.
 */
export function projectionMatrix({
  components,
  dimension,
}: {
  readonly components: Float64Array;
  readonly dimension: number;
}): Matrix {
  return Matrix.from1DArray(dimension, components.length / dimension, components).transpose();
}
