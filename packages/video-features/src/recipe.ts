import { differences } from '@wbdc/io/errors';
import { flatten, type ParamTree } from '@wbdc/nn';
import type { ClipVision, ClipVisionConfig } from '@wbdc/clip-model';
import type { Preprocessing } from './pixels.js';
import type { Sampling } from './sampling.js';

/**
 * All that decides what features look like: kept with a feature store, so that a model can refuse features of another
 * recipe. A type alias and not an interface, so that it counts as a record of anything.
 */
export type FeatureRecipe = {
  readonly version: 1;
  readonly tower: ClipVisionConfig;
  /** SHA-256 of the tower's parameters, hexadecimal. */
  readonly weights: string;
  readonly preprocessing: Preprocessing;
  readonly sampling: Sampling;
  readonly output: 'pooled' | 'projected';
  /**
   * The order in which the pictures of a folder or zip are a video's frames: that of the numbers in their names.
   * Features of before have no such field: their frames follow the characters of the names, 10 before 2.
   */
  readonly frameOrder: 'natural';
  /** Where the tower did not compute in float32: features are near those that it makes so, and not the same. */
  readonly dtype?: 'fp16' | 'int8';
};

/** What a recipe says besides the weights. */
export interface FeatureSettings {
  readonly tower: ClipVision;
  readonly preprocessing: Preprocessing;
  readonly sampling: Sampling;
  readonly output?: 'pooled' | 'projected';
}

/** @param weights the SHA-256 of the tower's {@link parameterBytes} */
export function recipeOf(
  { tower, preprocessing, sampling, output = 'pooled' }: FeatureSettings,
  weights: string,
): FeatureRecipe {
  return { version: 1, tower: tower.config, weights, preprocessing, sampling, output, frameOrder: 'natural' };
}

/** What the hash of parameters is over: paths, shapes and values, the same on every engine. */
export async function* parameterBytes(params: ParamTree): AsyncGenerator<Uint8Array> {
  const text = new TextEncoder();
  for (const { path, leaf } of flatten(params)) {
    yield text.encode(`${path} [${leaf.shape.join()}]\n`);
    const values = await leaf.data();
    yield new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  }
}

/** Where two recipes differ, one line a field (`sampling.limit: expected 32, got 16`); empty when they are equal. */
export function recipeDifferences(expected: unknown, actual: unknown): string[] {
  return differences(expected, actual).map(
    ({ path, before, after }) => `${path || 'recipe'}: expected ${before}, got ${after}`,
  );
}
