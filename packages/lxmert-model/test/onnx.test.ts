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
} from '@wbdc/nn';
import * as tf from '@tensorflow/tfjs';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { distance, fillWithWaves, useEngine, wave } from '../../../tools/testing.js';
import { lxmertModel, type LxmertModel, type LxmertModelConfig } from '../src/index.js';
import { lxmertModelOnnx } from '../src/onnx.js';

const config: LxmertModelConfig = {
  vocabSize: 23,
  hiddenSize: 14,
  layers: 2,
  heads: 2,
  intermediateSize: 31,
  maxPositions: 11,
  segments: 3,
  dropout: 0.1,
  frameSize: 13,
  maxFrames: 5,
  videoLayers: 1,
  videoActivation: 'quick',
  crossLayers: 2,
};
const model = lxmertModel(config);

let params: LxmertModel;
let head: ReturnType<typeof newLinear>;
let session: InferenceSession;
beforeAll(async () => {
  await useEngine('cpu');
  params = model.init(randomKey(1));
  head = newLinear(randomKey(2), 14, 7);
  fillWithWaves(flatten({ params, head }));
  session = await InferenceSession.create(
    lxmertModelOnnx(params, config, { name: 'tags', linear: head, activation: 'sigmoid' }),
  );
});
afterAll(() => disposeTree({ params, head }));

/** Rows of different lengths, both kinds of padding. */
function batchOf(videos: number, length: number, count: number): Batch {
  const cells = videos * length;
  const token = (i: number): number => (7 * i + 3) % 23;
  const valid = (rows: number, columns: number): Int32Array =>
    Int32Array.from({ length: rows * columns }, (_, i) => Number(i % columns <= Math.floor(i / columns)));
  return {
    ids: Array.from({ length: videos }, String),
    tokens: ints(
      [videos, length],
      Int32Array.from({ length: cells }, (_, i) => token(i)),
    ),
    segments: ints(
      [videos, length],
      Int32Array.from({ length: cells }, (_, i) => i % 3),
    ),
    textMask: ints([videos, length], valid(videos, length)),
    frames: floats([videos, count, 13], wave(videos * count * 13, 1, 1)),
    frameMask: ints([videos, count], valid(videos, count)),
    spans: Array.from({ length: videos }, () => []),
  };
}

async function runOnnx({ tokens, segments, textMask, frames, frameMask }: Batch, model = session) {
  const whole = { tokens, segments, textMask, frameMask };
  const feeds = Object.entries(whole).map(([name, { data, shape }]) => [name, new Tensor('int32', data, shape)]);
  const features = new Tensor('float32', frames.data, frames.shape);
  return model.run({ ...Object.fromEntries(feeds), frames: features } as Record<string, Tensor>);
}

describe('lxmertModelOnnx', () => {
  it.each([
    [3, 7, 5],
    [1, 1, 1],
    [5, 11, 2],
    [2, 4, 0],
  ])('equals tfjs for %i videos of %i tokens and %i frames', async (videos, length, count) => {
    const batch = batchOf(videos, length, count);
    const results = await runOnnx(batch);
    tf.tidy(() => {
      const { text, frames, cls } = model.encode(params, batch, {});
      const tags = tf.sigmoid(linear(cls, head));
      for (const [name, tensor] of Object.entries({ text, frameStates: frames, cls, tags })) {
        expect(results[name].dims, name).toEqual(tensor.shape);
        expect(distance(results[name].data as Float32Array, tensor.dataSync()), name).toBeLessThan(1e-5);
      }
    });
  });

  it('pools as the head wants it', async () => {
    const embedding = { name: 'embedding', linear: head, pooling: 'mean', activation: 'unit' } as const;
    const batch = batchOf(3, 7, 5);
    const results = await runOnnx(batch, await InferenceSession.create(lxmertModelOnnx(params, config, embedding)));
    tf.tidy(() => {
      const { text, frames } = model.encode(params, batch, {});
      const states = tf.concat([text, frames], 1) as tf.Tensor3D;
      const expected = l2Normalize(linear(meanPool(states, joinColumns(batch.textMask, batch.frameMask)), head));
      expect(distance(results['embedding'].data as Float32Array, expected.dataSync())).toBeLessThan(1e-5);
    });
  });

  it('has no output of a head without one', async () => {
    const plain = await InferenceSession.create(lxmertModelOnnx(params, config));
    expect(plain.outputNames).toEqual(['text', 'frameStates', 'cls']);
    expect(plain.inputNames).toEqual(['tokens', 'segments', 'textMask', 'frames', 'frameMask']);
  });
});
