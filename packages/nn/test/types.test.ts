import type { Tensor, Tensor2D, Tensor3D } from '@tensorflow/tfjs';
import { expectTypeOf, it } from 'vitest';
import {
  differentiable,
  dropout,
  flatten,
  gelu,
  layerNorm,
  linear,
  mapTree,
  recomputed,
  recomputing,
  type Batch,
  type Bert,
  type Context,
  type Encoded,
  type Encoder,
  type Key,
  type Linear,
  type Param,
} from '../src/index.js';

// What fails here fails in `tsc -p tsconfig.test.json`.

interface Params {
  readonly projection: Linear;
}

it('an encoder ties what it reads to what it makes', () => {
  type Model = Encoder<Params>;
  expectTypeOf<Model['init']>().toEqualTypeOf<(key: Key) => Params>();
  expectTypeOf<Model['encode']>().toEqualTypeOf<(params: Params, batch: Batch, context: Context) => Encoded>();
  expectTypeOf<Model['wordEmbeddings']>().toEqualTypeOf<(params: Params) => Tensor2D>();
  expectTypeOf(recomputing<Params>).toEqualTypeOf<(encoder: Model) => Model>();
  expectTypeOf<Parameters<Model['encode']>>().not.toExtend<Parameters<Encoder<Bert>['encode']>>();
  expectTypeOf<Parameters<Encoder<Bert>['encode']>>().not.toExtend<Parameters<Model['encode']>>();
  // @ts-expect-error parameters are a tree
  expectTypeOf<Encoder<number>>();
});

it('a tree keeps its type, and gives tensors', () => {
  expectTypeOf(mapTree<Params>).returns.toEqualTypeOf<Params>();
  expectTypeOf(flatten).returns.toEqualTypeOf<Param<Tensor>[]>();
  expectTypeOf(flatten).parameter(0).not.toBeAny();
  expectTypeOf<{ readonly list: readonly Params[] }>().toExtend<Parameters<typeof flatten>[0]>();
  expectTypeOf<number>().not.toExtend<Parameters<typeof flatten>[0]>();
});

it('operations keep the rank of their input', () => {
  expectTypeOf(dropout<Tensor3D>).returns.toEqualTypeOf<Tensor3D>();
  expectTypeOf(gelu<Tensor2D>).returns.toEqualTypeOf<Tensor2D>();
  expectTypeOf(linear<Tensor3D>).returns.toEqualTypeOf<Tensor3D>();
  expectTypeOf(layerNorm<Tensor2D>).returns.toEqualTypeOf<Tensor2D>();
  expectTypeOf(recomputed<Tensor3D, Tensor2D>)
    .parameter(3)
    .toEqualTypeOf<(x: Tensor3D, c: Tensor2D) => Tensor3D>();
  expectTypeOf(differentiable<Tensor2D>)
    .parameter(2)
    .toEqualTypeOf<(dy: Tensor2D, saved: Tensor[]) => Tensor[]>();
});
