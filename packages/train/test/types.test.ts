import type { Tensor } from '@tensorflow/tfjs';
import { randomKey, type Key, type LossResult, type ParamTree } from '@wbdc/nn';
import { expectTypeOf, it } from 'vitest';
import {
  type Asked,
  adamW,
  awp,
  fgm,
  pgd,
  trainLoop,
  valueAndGrad,
  type AdamWOptions,
  type GradientFunction,
  type Optimizer,
  type TrainLoopOptions,
  type TrainResult,
  type ValueAndGrad,
} from '../src/index.js';

// What fails here fails in `tsc -p tsconfig.test.json`.

interface Pictures {
  readonly pixels: Float32Array;
}

it('a loop hands the batches that it reads to the loss', () => {
  type Options = TrainLoopOptions<Pictures>;
  expectTypeOf<Options['batchAt']>().toEqualTypeOf<(index: number) => Promise<Pictures>>();
  expectTypeOf<Options['loss']>().toEqualTypeOf<(batch: Pictures, key: Key, meanAsked?: Asked) => LossResult>();
  expectTypeOf<Options['ids']>().toEqualTypeOf<((batch: Pictures) => readonly string[]) | undefined>();
  expectTypeOf(trainLoop<Pictures>).toEqualTypeOf<(options: Options) => Promise<TrainResult>>();
});

/** Never called: the compiler alone reads it. */
export function inferred(params: ParamTree, optimizer: Optimizer, result: LossResult): unknown {
  const settings = { params, optimizer, totalSteps: 1, key: randomKey(1) };
  const batchAt = async (): Promise<Pictures> => ({ pixels: new Float32Array(1) });
  return [
    trainLoop({
      ...settings,
      batchAt,
      loss: (batch) => {
        expectTypeOf(batch).toEqualTypeOf<Pictures>();
        return result;
      },
    }),
    // @ts-expect-error a loss of other batches
    trainLoop({ ...settings, batchAt, loss: (batch: { readonly tokens: Int32Array }) => (batch ? result : result) }),
    // @ts-expect-error a loss that is no LossResult
    trainLoop({ ...settings, batchAt, loss: () => 3 }),
  ];
}

it('an optimizer is of a tree of any type', () => {
  expectTypeOf(adamW).toEqualTypeOf<(params: ParamTree, options: AdamWOptions) => Optimizer>();
  expectTypeOf<Optimizer['update']>().parameter(0).toEqualTypeOf<ReadonlyMap<string, Tensor>>();
  expectTypeOf<Optimizer['trains']>().toEqualTypeOf<(path: string) => boolean>();
  expectTypeOf<Optimizer>().toHaveProperty('withAverages').returns.toExtend<Promise<unknown>>();
  expectTypeOf<ValueAndGrad['grads']>().toEqualTypeOf<ReadonlyMap<string, Tensor>>();
});

it('adversarial training stands where the plain gradient does', () => {
  expectTypeOf(valueAndGrad).toEqualTypeOf<GradientFunction>();
  for (const wrap of [fgm, pgd, awp]) expectTypeOf(wrap).returns.toEqualTypeOf<GradientFunction>();
});
