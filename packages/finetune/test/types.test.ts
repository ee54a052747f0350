import type { Tensor2D } from '@tensorflow/tfjs';
import type { Batch, Encoder, Key, Linear, LossResult } from '@wbdc/nn';
import { expectTypeOf, it } from 'vitest';
import {
  categoryModel,
  predictBatches,
  similarityModel,
  type CategoryBatch,
  type CategoryOptions,
  type FinetuneParams,
  type Head,
  type PairBatch,
  type Predicted,
  type SimilarityOptions,
} from '../src/index.js';

// What fails here fails in `tsc -p tsconfig.test.json`.

interface Params {
  readonly projection: Linear;
}

it('a finetuned model has the parameters of its encoder, and a head', () => {
  expectTypeOf<FinetuneParams<Params>>().toEqualTypeOf<{ readonly encoder: Params; readonly head: Head }>();
  expectTypeOf<FinetuneParams<{ readonly word: Linear }>>().not.toExtend<FinetuneParams<Params>>();
  expectTypeOf(categoryModel<Params>).parameters.toEqualTypeOf<[Encoder<Params>, CategoryOptions]>();
  expectTypeOf(similarityModel<Params>).parameters.toEqualTypeOf<[Encoder<Params>, SimilarityOptions]>();
});

it('a category model learns from labelled videos and gives probabilities', () => {
  type Model = ReturnType<typeof categoryModel<Params>>;
  expectTypeOf<Model['init']>().toEqualTypeOf<(key: Key) => FinetuneParams<Params>>();
  expectTypeOf<Model['loss']>().toEqualTypeOf<
    (params: FinetuneParams<Params>, batch: CategoryBatch, dropout?: Key) => LossResult
  >();
  expectTypeOf<Model['predict']>().toEqualTypeOf<(params: FinetuneParams<Params>, batch: Batch) => Tensor2D>();
  expectTypeOf(predictBatches).returns.toEqualTypeOf<AsyncGenerator<Predicted>>();
  expectTypeOf<CategoryBatch['labels'][number]>().toEqualTypeOf<number | ArrayLike<number>>();
});

it('a similarity model learns from pairs and gives vectors', () => {
  type Model = ReturnType<typeof similarityModel<Params>>;
  expectTypeOf<Model['loss']>().toEqualTypeOf<
    (params: FinetuneParams<Params>, pairs: PairBatch, dropout?: Key, share?: number) => LossResult
  >();
  expectTypeOf<Model['embed']>().toEqualTypeOf<(params: FinetuneParams<Params>, batch: Batch) => Tensor2D>();
  expectTypeOf<CategoryBatch>().not.toExtend<PairBatch>();
});
