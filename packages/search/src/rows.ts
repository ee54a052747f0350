import { SearchError } from './errors.js';

/** A model whose vectors an index holds. */
export interface IndexModel {
  /** What the vectors are called in this index, such as `video`: small letters and digits. */
  readonly name: string;
  /** Of the model's weights, hexadecimal: vectors of other weights do not compare, and are refused. */
  readonly hash: string;
  /** Dv: values of a vector. */
  readonly width: number;
}

/** A vector that a model made. */
export interface ModelVector {
  /** The model's name in the index. */
  readonly model: string;
  /** Of the weights that made it. */
  readonly hash: string;
  /** `[Dv]`; kept at length 1. */
  readonly values: ArrayLike<number>;
}

/** What an index tells of a video. */
export interface IndexedVideo {
  readonly id: string;
  /** Where it lies: a path or an address. */
  readonly path: string;
  readonly title: string;
  readonly ocr: string;
  readonly asr: string;
  /** Of every level. */
  readonly categories: readonly string[];
  readonly tags: readonly string[];
  readonly time: Date | undefined;
}

/** A row to add. Of a video that is there already, fields that are left out stay as they are. */
export interface IndexRow extends Partial<Omit<IndexedVideo, 'id' | 'time'>> {
  readonly id: string;
  readonly time?: Date;
  /** A small picture file, JPEG by convention. */
  readonly thumbnail?: Uint8Array;
  readonly vectors?: readonly ModelVector[];
}

/** Where the vectors of a model stand: its name and hash are those of the column, which appears whole or not at all. */
export function columnOf({ name, hash }: Pick<IndexModel, 'name' | 'hash'>): string {
  return `vector_${name}_${hash}`;
}

/** The model of a column, where it holds vectors. */
export function modelOfColumn(column: string): Pick<IndexModel, 'name' | 'hash'> | undefined {
  const [, name, hash] = /^vector_([a-z0-9]+)_([0-9a-f]+)$/.exec(column) ?? [];
  return name === undefined ? undefined : { name, hash };
}

/** @throws SearchError `query` where a model cannot be called so */
export function assertModel({ name, hash, width }: IndexModel): void {
  const fail = (where: string, expected: string, got: string): never => {
    throw new SearchError({ where, expected, got, code: 'query' });
  };
  if (!/^[a-z0-9]{1,32}$/.test(name)) fail('model name', '1 to 32 small letters and digits', `'${name.slice(0, 60)}'`);
  if (!/^[0-9a-f]{8,64}$/.test(hash)) fail('model hash', '8 to 64 hexadecimal digits', `'${hash.slice(0, 80)}'`);
  if (!Number.isInteger(width) || width < 1 || width > 65_536) fail('model width', '1 to 65,536', String(width));
}

/** @throws SearchError `row` where an id could not be found again */
export function assertId(id: unknown): asserts id is string {
  // Lone surrogates and NUL do not outlast a database of UTF-8.
  if (typeof id === 'string' && id !== '' && id.length <= 1024 && !/[\0\p{Cs}]/u.test(id)) return;
  const got = typeof id === 'string' ? `'${id.slice(0, 60)}' (${id.length} characters)` : String(id);
  throw new SearchError({ where: 'id', expected: 'text of 1 to 1,024 characters', got, code: 'row' });
}

/** The model among an index's that a vector is of. @throws SearchError where it is of none */
export function ownModel(models: readonly IndexModel[], vector: ModelVector, where: string): IndexModel {
  const model = models.find(({ name }) => name === vector.model);
  if (model === undefined) {
    const got = models.map(({ name }) => name).join(', ') || 'none';
    throw new SearchError({
      ...{ where, expected: `an index with vectors '${vector.model}'`, got, code: 'model-missing' },
      advice: 'add the model to the index first',
    });
  }
  if (model.hash !== vector.hash) {
    throw new SearchError({
      ...{ where, expected: `vectors '${model.name}' of the model ${model.hash}`, got: `those of ${vector.hash}` },
      advice: 'cosines of two models do not compare: use that model, or another name for the new one',
      code: 'model-other',
    });
  }
  return model;
}

/** A vector of length 1 `[Dv]`. @throws SearchError where it is of another width, all zeros or no numbers */
export function unitVector({ values }: ModelVector, { name, width }: IndexModel, where: string): Float32Array {
  const fail = (expected: string, got: string): never => {
    throw new SearchError({ where: `${where}: vector '${name}'`, expected, got, code: 'row' });
  };
  if (values.length !== width) fail(`${width} values`, String(values.length));
  let squares = 0;
  for (let i = 0; i < width; i++) squares += values[i] * values[i];
  const length = Math.sqrt(squares);
  if (!Number.isFinite(length)) fail('finite values', 'NaN or infinity');
  if (length === 0) fail('a direction', 'zeros alone');
  return Float32Array.from(values, (value) => value / length);
}
