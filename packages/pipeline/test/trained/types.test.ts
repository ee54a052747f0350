import { expectTypeOf, it } from 'vitest';
import { openTrained as openInBrowser } from '../../src/index.browser.js';
import {
  openTrained,
  type Classified,
  type Embedded,
  type FileInput,
  type ModelBytes,
  type Rows,
  type Tagged,
  type TrainedInput,
  type TrainedModel,
  type Unreadable,
} from '../../src/index.node.js';

// What fails here fails in `tsc -p tsconfig.test.json`.

const inputs: TrainedInput[] = [];

it('rows are of what was asked for, with the unreadable ones only on request', () => {
  const classify = (model: TrainedModel) => model.classify(inputs);
  const embed = (model: TrainedModel) => model.embed(inputs);
  const tag = (model: TrainedModel) => model.tag(inputs, { top: 3 });
  const all = (model: TrainedModel) => model.embed(inputs, { unreadable: 'yield' });
  expectTypeOf(classify).returns.toEqualTypeOf<Rows<Classified>>();
  expectTypeOf(embed).returns.toEqualTypeOf<Rows<Embedded>>();
  expectTypeOf(tag).returns.toEqualTypeOf<Rows<Tagged>>();
  expectTypeOf(all).returns.toEqualTypeOf<Rows<Embedded | Unreadable>>();
  expectTypeOf<Awaited<ReturnType<typeof embed>>>().toEqualTypeOf<Embedded[]>();
});

it('a video is one of three things, and its texts are optional', () => {
  expectTypeOf<{ video: string }>().toExtend<TrainedInput>();
  expectTypeOf<{ frames: { width: number; height: number; data: Uint8ClampedArray }[] }>().toExtend<TrainedInput>();
  expectTypeOf<{ features: Float32Array[]; title: string }>().toExtend<TrainedInput>();
  expectTypeOf<{ title: string }>().not.toExtend<TrainedInput>();
  expectTypeOf<FileInput['id']>().toEqualTypeOf<string | undefined>();
});

it('a model is disposable, and opens in Node as in a browser', () => {
  expectTypeOf<TrainedModel>().toExtend<AsyncDisposable>();
  expectTypeOf(openTrained).parameter(0).toEqualTypeOf<string | URL | ModelBytes>();
  expectTypeOf(openInBrowser).parameter(0).toEqualTypeOf<string | URL | ModelBytes>();
  expectTypeOf(openInBrowser).returns.toEqualTypeOf<Promise<TrainedModel>>();
});
