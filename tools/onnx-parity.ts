import { createRequire } from 'node:module';
import * as tf from '@tensorflow/tfjs';
import {
  disposeTree,
  floats,
  flatten,
  ints,
  joinColumns,
  l2Normalize,
  linear,
  meanPool,
  newLinear,
  randomKey,
  type Batch,
  type Encoded,
  type Encoder,
  type Linear,
  type ParamTree,
} from '@wbdc/nn';
import type { OnnxHead } from '@wbdc/checkpoints/onnx';
import type * as Ort from 'onnxruntime-node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findBrowser, openBrowser, type BrowserRuntime, type WebTensor } from './browser-runtime.js';
import { PARITY_SIZES } from './encoder-parity.js';
import { distance, fillWithWaves, useEngine, wave, WEBGPU } from './testing.js';

interface Model {
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  run(
    feeds: Readonly<Record<string, Feed>>,
  ): Promise<Readonly<Record<string, Pick<Ort.Tensor, 'data' | 'dims'> | WebTensor>>>;
}

interface Feed extends Omit<WebTensor, 'data'> {
  readonly data: Int32Array | Float32Array;
}

/** What serves an ONNX file. */
interface Runtime {
  load(model: Uint8Array): Promise<Model>;
  close?(): Promise<void>;
}

const browser = findBrowser();

/**
 * onnxruntime in Node, on the processor and on a GPU, the WebAssembly of the web in Node, where it is installed (`npm
 * ci` does), and in a browser.
 */
const RUNTIMES: Readonly<Record<string, (() => Promise<Runtime>) | undefined>> = {
  'onnxruntime-node': () => inNode('onnxruntime-node'),
  'the GPU by onnxruntime-node': WEBGPU ? () => inNode('onnxruntime-node', ['webgpu']) : undefined,
  'onnxruntime-web': process.env['CI'] || isInstalled('onnxruntime-web') ? () => inNode('onnxruntime-web') : undefined,
  Chromium: browser && isInstalled('onnxruntime-web') ? async () => inBrowser(await openBrowser(browser)) : undefined,
};

async function inNode(name: string, executionProviders: readonly string[] = ['cpu']): Promise<Runtime> {
  const { InferenceSession, Tensor } = (await import(name)) as typeof Ort;
  return {
    load: async (model) => {
      const session = await InferenceSession.create(model, {
        executionProviders,
        logSeverityLevel: 3,
        intraOpNumThreads: 1,
      });
      const tensor = ({ type, data, dims }: Feed): Ort.Tensor =>
        new Tensor(type as 'float32', data as Float32Array, dims);
      const run = async (feeds: Readonly<Record<string, Feed>>) =>
        session.run(Object.fromEntries(Object.entries(feeds).map(([input, feed]) => [input, tensor(feed)])));
      return { inputNames: session.inputNames, outputNames: session.outputNames, run };
    },
  };
}

function inBrowser(runtime: BrowserRuntime): Runtime {
  return {
    close: () => runtime.close(),
    load: async (model) => {
      const { session, ...names } = await runtime.create(model);
      const plain = ({ data, ...feed }: Feed): WebTensor => ({ ...feed, data: [...data] });
      const run = (feeds: Readonly<Record<string, Feed>>) =>
        runtime.run(session, Object.fromEntries(Object.entries(feeds).map(([input, feed]) => [input, plain(feed)])));
      return { ...names, run };
    },
  };
}

/** Sizes of the encoders whose files are tested; none divides another where it need not. */
export const ONNX_SIZES = { ...PARITY_SIZES, intermediateSize: 31, segments: 3 };

/** Videos, tokens, frames of a batch. */
const SHAPES = [
  [3, 7, 5],
  [1, 1, 1],
  [5, 11, 2],
  [2, 4, 0],
] as const;

function isInstalled(name: string): boolean {
  try {
    createRequire(import.meta.url).resolve(name);
    return true;
  } catch {
    return false;
  }
}

/** What the ONNX file of every encoder owes: the same numbers for any batch and lengths, and a head that pools. */
export function describeOnnx<P extends ParamTree>(
  name: string,
  encoder: Encoder<P>,
  toOnnx: (params: P, head?: OnnxHead) => Uint8Array,
): void {
  describe(name, () => {
    let params: P;
    let head: Linear;
    /** What tfjs gives for a shape: the same for every runtime, so made once. */
    const encoded = new Map<string, Coded>();
    beforeAll(async () => {
      await useEngine('cpu');
      params = encoder.init(randomKey(1));
      head = newLinear(randomKey(2), encoder.hiddenSize, 7);
      fillWithWaves(flatten({ params, head }));
    });
    afterAll(() => {
      disposeTree({ params, head });
      for (const { states } of encoded.values()) tf.dispose([states.text, states.frames, states.cls]);
    });
    const encode = (...shape: Shape): Coded => {
      const known = encoded.get(shape.join());
      if (known) return known;
      const batch = batchOf(...shape);
      const states = tf.tidy(() => ({ ...encoder.encode(params, batch, {}) }));
      encoded.set(shape.join(), { batch, states });
      return { batch, states };
    };
    describe.each(Object.entries(RUNTIMES))('on %s', (runtimeName, open) => {
      if (!open) return void it.skip(`${runtimeName} is not installed`);
      describeRuntime({ encoder, params: () => params, head: () => head, encode, open, toOnnx });
    });
  });
}

type Shape = readonly [videos: number, tokens: number, frames: number];

/** A batch, and what tfjs makes of it. */
interface Coded {
  readonly batch: Batch;
  readonly states: Encoded;
}

interface Tested<P> {
  readonly encoder: Encoder<P & ParamTree>;
  readonly params: () => P;
  readonly head: () => Linear;
  readonly encode: (...shape: Shape) => Coded;
  readonly open: () => Promise<Runtime>;
  readonly toOnnx: (params: P, head?: OnnxHead) => Uint8Array;
}

function describeRuntime<P>({ encoder, params, head, encode, open, toOnnx }: Tested<P>): void {
  let runtime: Runtime | undefined;
  let model: Model;
  beforeAll(async () => {
    runtime = await open();
    const tags = { name: 'tags', linear: head(), activation: 'sigmoid' } as const;
    model = await runtime!.load(toOnnx(params(), tags));
  });
  afterAll(() => runtime?.close?.());

  it.each(SHAPES)('equals tfjs for %i videos of %i tokens and %i frames', async (videos, length, count) => {
    const { batch, states } = encode(videos, length, count);
    const results = await model.run(feedsOf(batch));
    tf.tidy(() => {
      const { text, frames, cls } = states;
      const tags = tf.sigmoid(linear(cls, head()));
      for (const [output, tensor] of Object.entries({ text, frameStates: frames, cls, tags })) {
        expect(results[output].dims, output).toEqual(tensor.shape);
        expect(distance(results[output].data as ArrayLike<number>, tensor.dataSync()), output).toBeLessThan(1e-5);
      }
    });
  });

  it.each([
    ['mean', 'mean'],
    ['both', 'both'],
    ['attention', 'attention'],
    ['attention behind a tanh', 'attention'],
  ] as const)('pools as the head wants it: %s', async (name, pooling) => {
    const width = encoder.hiddenSize;
    const own = {
      output: newLinear(randomKey(3), pooling === 'both' ? 2 * width : width, 7),
      ...(pooling === 'attention' && { attention: newLinear(randomKey(4), width, 1) }),
      ...(name.endsWith('tanh') && { attentionHidden: newLinear(randomKey(5), width, width) }),
    };
    fillWithWaves(flatten({ own }));
    const { output, attention, attentionHidden } = own;
    const served = {
      name: 'embedding',
      linear: output,
      ...(attention && { attention }),
      ...(attentionHidden && { attentionHidden }),
      pooling,
      activation: 'unit',
    } as const;
    const loaded = await runtime!.load(toOnnx(params(), served));
    for (const { batch, states } of [encode(3, 7, 5), encode(1, 1, 1)]) {
      const { embedding } = await loaded.run(feedsOf(batch));
      tf.tidy(() => {
        const state = pool(states, batch, pooling === 'both', own);
        const expected = l2Normalize(linear(state, output));
        expect(distance(embedding.data as ArrayLike<number>, expected.dataSync())).toBeLessThan(1e-5);
      });
    }
    disposeTree({ own });
  });

  it('puts a layer before that of the output where the head has one', async () => {
    const hidden = newLinear(randomKey(4), encoder.hiddenSize, encoder.hiddenSize);
    fillWithWaves(flatten({ hidden }));
    const { batch, states } = encode(3, 7, 5);
    for (const relu of [false, true]) {
      const loaded = await runtime!.load(toOnnx(params(), { name: 'tags', linear: head(), hidden, relu }));
      const { tags } = await loaded.run(feedsOf(batch));
      tf.tidy(() => {
        const read = linear(states.cls, hidden);
        const expected = linear(relu ? tf.relu(read) : read, head());
        expect(distance(tags.data as ArrayLike<number>, expected.dataSync())).toBeLessThan(1e-5);
      });
    }
    disposeTree({ hidden });
  });

  it('has no output of a head without one', async () => {
    const plain = await runtime!.load(toOnnx(params()));
    expect(plain.outputNames).toEqual(['text', 'frameStates', 'cls']);
    expect(plain.inputNames).toEqual(['tokens', 'segments', 'textMask', 'frames', 'frameMask']);
  });
}

/**
 * As the heads of @wbdc/finetune pool, which stands above the encoders: the mean, both sides' means, or by learned
 * weights.
 */
function pool(
  { text, frames }: Encoded,
  { textMask, frameMask }: Batch,
  both: boolean,
  { attention, attentionHidden }: { readonly attention?: Linear; readonly attentionHidden?: Linear },
): tf.Tensor2D {
  if (both) return tf.concat([meanPool(text, textMask), meanPool(frames, frameMask)], 1);
  const states: tf.Tensor3D = tf.concat([text, frames], 1); // [B, L + F, D]
  const mask = joinColumns(textMask, frameMask);
  if (!attention) return meanPool(states, mask);
  const read: tf.Tensor3D = attentionHidden ? tf.tanh(linear(states, attentionHidden)) : states;
  const scores: tf.Tensor2D = tf.squeeze(linear(read, attention), [2]); // [B, L + F]
  const kept = tf.tensor2d(mask.data, scores.shape, 'int32').cast('bool');
  const weights = tf.softmax(tf.where(kept, scores, tf.fill(scores.shape, -1e9)));
  return tf.squeeze(tf.matMul(tf.expandDims(weights, 1), states), [1]); // [B, D]
}

function feedsOf({ tokens, segments, textMask, frames, frameMask }: Batch): Record<string, Feed> {
  const whole = Object.entries({ tokens, segments, textMask, frameMask });
  return {
    ...Object.fromEntries(whole.map(([input, { data, shape }]) => [input, { type: 'int32', data, dims: shape }])),
    frames: { type: 'float32', data: frames.data, dims: frames.shape },
  };
}

/** Rows of different lengths, both kinds of padding: the first video has `[CLS]` alone. */
function batchOf(videos: number, length: number, count: number): Batch {
  const { vocabSize, segments, frameSize } = ONNX_SIZES;
  const cells = (make: (i: number) => number) =>
    ints(
      [videos, length],
      Int32Array.from({ length: videos * length }, (_, i) => make(i)),
    );
  const valid = (columns: number, from: number): Int32Array =>
    Int32Array.from({ length: videos * columns }, (_, i) => Number(i % columns < Math.floor(i / columns) + from));
  return {
    ids: Array.from({ length: videos }, String),
    tokens: cells((i) => (7 * i + 3) % vocabSize),
    segments: cells((i) => i % segments),
    textMask: ints([videos, length], valid(length, 1)),
    frames: floats([videos, count, frameSize], wave(videos * count * frameSize, 1, 1)),
    frameMask: ints([videos, count], valid(count, 0)),
    spans: Array.from({ length: videos }, () => []),
  };
}
