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
  type Encoder,
  type Linear,
  type ParamTree,
} from '@wbdc/nn';
import type { OnnxHead } from '@wbdc/nn/onnx';
import type { InferenceSession, Tensor } from 'onnxruntime-node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PARITY_SIZES } from './encoder-parity.js';
import { distance, fillWithWaves, useEngine, wave } from './testing.js';

/** What onnxruntime-node and onnxruntime-web have in common. */
interface Runtime {
  readonly InferenceSession: { create(model: Uint8Array): Promise<InferenceSession> };
  readonly Tensor: new (type: 'int32' | 'float32', data: Int32Array | Float32Array, dims: readonly number[]) => Tensor;
}

/** onnxruntime in Node, and the WebAssembly that browsers run, where it is installed (`npm ci` does). */
const RUNTIMES = ['onnxruntime-node', 'onnxruntime-web'].filter((name) => process.env['CI'] || isInstalled(name));

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
  describe.each(RUNTIMES)(`${name} on %s`, (runtime) => {
    let params: P;
    let head: Linear;
    let ort: Runtime;
    let session: InferenceSession;
    beforeAll(async () => {
      await useEngine('cpu');
      ort = (await import(runtime)) as Runtime;
      params = encoder.init(randomKey(1));
      head = newLinear(randomKey(2), encoder.hiddenSize, 7);
      fillWithWaves(flatten({ params, head }));
      const tags = { name: 'tags', linear: head, activation: 'sigmoid' } as const;
      session = await ort.InferenceSession.create(toOnnx(params, tags));
    });
    afterAll(() => disposeTree({ params, head }));

    async function run(model: InferenceSession, { tokens, segments, textMask, frames, frameMask }: Batch) {
      const whole = { tokens, segments, textMask, frameMask };
      const feeds = Object.entries(whole).map(([input, { data, shape }]) => [
        input,
        new ort.Tensor('int32', data, shape),
      ]);
      return model.run({
        ...(Object.fromEntries(feeds) as Record<string, Tensor>),
        frames: new ort.Tensor('float32', frames.data, frames.shape),
      });
    }

    it.each(SHAPES)('equals tfjs for %i videos of %i tokens and %i frames', async (videos, length, count) => {
      const batch = batchOf(videos, length, count);
      const results = await run(session, batch);
      tf.tidy(() => {
        const { text, frames, cls } = encoder.encode(params, batch, {});
        const tags = tf.sigmoid(linear(cls, head));
        for (const [output, tensor] of Object.entries({ text, frameStates: frames, cls, tags })) {
          expect(results[output].dims, output).toEqual(tensor.shape);
          expect(distance(results[output].data as Float32Array, tensor.dataSync()), output).toBeLessThan(1e-5);
        }
      });
    });

    it('pools as the head wants it', async () => {
      const embedding = { name: 'embedding', linear: head, pooling: 'mean', activation: 'unit' } as const;
      const batch = batchOf(3, 7, 5);
      const results = await run(await ort.InferenceSession.create(toOnnx(params, embedding)), batch);
      tf.tidy(() => {
        const { text, frames } = encoder.encode(params, batch, {});
        const states = tf.concat([text, frames], 1) as tf.Tensor3D;
        const expected = l2Normalize(linear(meanPool(states, joinColumns(batch.textMask, batch.frameMask)), head));
        expect(distance(results['embedding'].data as Float32Array, expected.dataSync())).toBeLessThan(1e-5);
      });
    });

    it('has no output of a head without one', async () => {
      const plain = await ort.InferenceSession.create(toOnnx(params));
      expect(plain.outputNames).toEqual(['text', 'frameStates', 'cls']);
      expect(plain.inputNames).toEqual(['tokens', 'segments', 'textMask', 'frames', 'frameMask']);
    });
  });
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
