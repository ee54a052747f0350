import * as tf from '@tensorflow/tfjs';
import {
  disposeTree,
  flatten,
  floats,
  foldIn,
  ints,
  randomKey,
  type Batch,
  type Encoder,
  type ParamTree,
} from '@wbdc/nn';
import { mfm, mlm, pretraining, tag } from '@wbdc/pretrain-tasks';
import type { PretrainParams, Pretraining, WeightedTask } from '@wbdc/pretrain-tasks';
import { adamW, clipScale, disposeGrads, globalNorm, gradNorms, valueAndGrad } from '@wbdc/train';
import { uniModel } from '@wbdc/uni-model';

/** A small pretraining that runs in Node and in a browser. */
export interface SmallTraining {
  readonly encoder: Encoder<ParamTree>;
  readonly model: Pretraining<ParamTree>;
  readonly params: PretrainParams<ParamTree> & ParamTree;
  /** A batch of texts of a length. */
  readonly batchOf: (length: number) => Batch;
}

const [B, F, V, DV, T] = [4, 5, 101, 24, 11];

/** Words, frames and tags, dropout included. */
export function newTraining({ layers, width }: { layers: number; width: number }): SmallTraining {
  const encoder = uniModel({
    ...{ vocabSize: V, hiddenSize: width, layers, heads: 4, intermediateSize: 2 * width },
    ...{ maxPositions: 64, segments: 2, dropout: 0.1, frameSize: DV, maxFrames: 8, frameSegment: 0 },
  });
  const tasks = [
    mlm({ mask: 4, special: [0, 1, 2, 3, 4], vocabSize: V, probability: 0.3 }),
    mfm({ probability: 0.4, normalize: true, temperature: 0.07 }),
    tag({ tagCount: T }),
  ];
  const model = pretraining(encoder, [{ tasks: tasks.map((task) => ({ task, weight: 1 }) as WeightedTask) }]);
  return {
    encoder: encoder as unknown as SmallTraining['encoder'],
    model: model as unknown as SmallTraining['model'],
    params: model.init(randomKey(1)) as unknown as SmallTraining['params'],
    batchOf,
  };
}

function batchOf(length: number): Batch {
  const tokens = Int32Array.from({ length: B * length }, (_, i) => {
    return i % length === 0 ? 2 : i % length === length - 1 ? 3 : 5 + ((i * 7) % 90);
  });
  const frameMask = Int32Array.from({ length: B * F }, (_, i) => (i % F < 4 || i < F ? 1 : 0));
  const wave = Float32Array.from({ length: B * F * DV }, (_, i) => Math.sin(0.7 * i + 1));
  return {
    ids: ['a', 'b', 'c', 'd'],
    tokens: ints([B, length], tokens),
    segments: ints([B, length]),
    textMask: ints([B, length], new Int32Array(B * length).fill(1)),
    frames: floats([B, F, DV], wave),
    frameMask: ints([B, F], frameMask),
    spans: Array.from({ length: B }, () => [{ field: 'title', start: 1, end: length - 1 }]),
    tags: [[0], [1, 2], [3], []],
  };
}

/** What some steps on the current engine tell. */
export interface SmallRun {
  /** The vectors of the videos before any step. */
  readonly cls: readonly number[];
  readonly losses: readonly number[];
  readonly norms: readonly number[];
  /** The sum of the absolute values of all weights, at the end. */
  readonly weights: number;
  /** Tensors that were left. */
  readonly left: number;
}

/** Trains a model of 1 layer for some steps. */
export async function trainSmall(steps: number): Promise<SmallRun> {
  const before = tf.memory().numTensors;
  const { encoder, model, params, batchOf } = newTraining({ layers: 1, width: 32 });
  const optimizer = adamW(params, { learningRate: 1e-3, weightDecay: 0.01, averageDecay: 0.9 });
  const encoded = tf.tidy(() => encoder.encode(params.encoder, batchOf(13), {}).cls.clone());
  const cls = Array.from(await encoded.data());
  encoded.dispose();
  const [losses, norms]: number[][] = [[], []];
  for (let step = 0; step < steps; step++) {
    const views = model.prepare(batchOf(13), foldIn(randomKey(5), step));
    const loss = () => model.loss(params, views, foldIn(randomKey(6), step));
    const result = await valueAndGrad(params, loss, undefined, { norms: true });
    const norm = globalNorm(result.norms ?? (await gradNorms(result.grads)));
    optimizer.update(result.grads, { factor: 1, scale: clipScale(norm, 1) });
    disposeGrads(result.grads);
    losses.push(result.loss);
    norms.push(norm);
  }
  let weights = 0;
  for (const { leaf } of flatten(params)) for (const value of await leaf.data()) weights += Math.abs(value);
  optimizer.dispose();
  disposeTree(params);
  return { cls, losses, norms, weights, left: tf.memory().numTensors - before };
}
