import type { Batch, Encoder, Key, Linear, LossResult, ParamTree } from '@wbdc/nn';
import { expectTypeOf, it } from 'vitest';
import {
  type Asked,
  ftc,
  ftm,
  mfm,
  mlm,
  mmm,
  pretraining,
  tag,
  type Corrupted,
  type LossInput,
  type MfmHead,
  type MfmTarget,
  type MlmHead,
  type MlmTarget,
  type Plan,
  type PreparedView,
  type PretrainParams,
  type Pretraining,
  type PretrainingOptions,
  type Sizes,
  type TagHead,
  type TagTarget,
  type Task,
} from '../src/index.js';

// What fails here fails in `tsc -p tsconfig.test.json`.

interface Params {
  readonly projection: Linear;
}

it('a task ties its head and its target to its loss', () => {
  type Masked = Task<MlmHead, MlmTarget>;
  expectTypeOf<Masked['init']>().toEqualTypeOf<(key: Key, sizes: Sizes) => MlmHead>();
  expectTypeOf<Masked['corrupt']>().toEqualTypeOf<(batch: Batch, key: Key) => Corrupted<MlmTarget>>();
  expectTypeOf<Masked['loss']>().toEqualTypeOf<(input: LossInput<MlmHead, MlmTarget>) => LossResult>();
  expectTypeOf<LossInput<MlmHead, MlmTarget>['head']>().toEqualTypeOf<MlmHead>();
  expectTypeOf<Parameters<Masked['baseline']>[0]>().toEqualTypeOf<MlmTarget>();
});

it('every objective is a task of its own types, and of those of a plan', () => {
  expectTypeOf(mlm).returns.toEqualTypeOf<Task<MlmHead, MlmTarget>>();
  expectTypeOf(mfm).returns.toEqualTypeOf<Task<MfmHead, MfmTarget>>();
  expectTypeOf(tag).returns.toEqualTypeOf<Task<TagHead, TagTarget>>();
  expectTypeOf<
    ReturnType<typeof mlm | typeof mfm | typeof tag | typeof ftm | typeof ftc | typeof mmm>
  >().toExtend<Task>();
  expectTypeOf<Plan[number]['tasks'][number]['task']>().toEqualTypeOf<Task>();
  expectTypeOf<{ tasks: { task: Task<MlmHead, MlmTarget>; weight: number }[] }[]>().toExtend<Plan>();
  expectTypeOf<{ tasks: { task: Task<MlmHead, MlmTarget> }[] }[]>().not.toExtend<Plan>();
});

it('a plan on an encoder has the parameters of that encoder', () => {
  expectTypeOf(pretraining<Params>).toEqualTypeOf<
    (encoder: Encoder<Params>, plan: Plan, options?: PretrainingOptions) => Pretraining<Params>
  >();
  expectTypeOf<Pretraining<Params>['init']>().returns.toEqualTypeOf<PretrainParams<Params>>();
  expectTypeOf<PretrainParams<Params>['encoder']>().toEqualTypeOf<Params>();
  expectTypeOf<PretrainParams<Params>['heads']>().toEqualTypeOf<Readonly<Record<string, ParamTree>>>();
  expectTypeOf<Pretraining<Params>['loss']>().toEqualTypeOf<
    (params: PretrainParams<Params>, views: readonly PreparedView[], dropout?: Key, meanAsked?: Asked) => LossResult
  >();
  expectTypeOf<PretrainParams<{ readonly word: Linear }>>().not.toExtend<PretrainParams<Params>>();
});
