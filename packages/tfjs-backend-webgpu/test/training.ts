import { floats, ints, randomKey, type Batch, type ParamTree } from '@wbdc/nn';
import {
  mfm,
  mlm,
  pretraining,
  tag,
  type PretrainParams,
  type Pretraining,
  type WeightedTask,
} from '@wbdc/pretrain-tasks';
import { uniModel } from '@wbdc/uni-model';
import { wave } from '../../../tools/testing.js';

export interface Training {
  readonly model: Pretraining<ParamTree>;
  readonly params: PretrainParams<ParamTree> & ParamTree;
  /** A batch of texts of a length. */
  readonly batchOf: (length: number) => Batch;
}

const [B, F, V, DV, T] = [4, 5, 101, 24, 11];

/** Pretraining of a small model with words, frames and tags, dropout included. */
export function newTraining({ layers, width }: { layers: number; width: number }): Training {
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
    model: model as unknown as Training['model'],
    params: model.init(randomKey(1)) as unknown as Training['params'],
    batchOf,
  };
}

function batchOf(length: number): Batch {
  const tokens = Int32Array.from({ length: B * length }, (_, i) => {
    return i % length === 0 ? 2 : i % length === length - 1 ? 3 : 5 + ((i * 7) % 90);
  });
  const frameMask = Int32Array.from({ length: B * F }, (_, i) => (i % F < 4 || i < F ? 1 : 0));
  return {
    ids: ['a', 'b', 'c', 'd'],
    tokens: ints([B, length], tokens),
    segments: ints([B, length]),
    textMask: ints([B, length], new Int32Array(B * length).fill(1)),
    frames: floats([B, F, DV], wave(B * F * DV, 1, 1)),
    frameMask: ints([B, F], frameMask),
    spans: Array.from({ length: B }, () => [{ field: 'title', start: 1, end: length - 1 }]),
    tags: [[0], [1, 2], [3], []],
  };
}
