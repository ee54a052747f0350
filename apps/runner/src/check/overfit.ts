import { disposeTree, foldIn, randomKey } from '@wbdc/nn';
import { pretraining } from '@wbdc/pretrain-tasks';
import { adamW, disposeGrads, valueAndGrad } from '@wbdc/train';
import type { Config } from '../config/schema.js';
import { encoderOf, planOf } from '../stages/model.js';
import { expectedLosses } from './expected.js';
import { syntheticBatch, syntheticTokenizer } from './synthetic.js';

const VIDEOS = 8;
const STEPS = 80;
const LEARNING_RATE = 3e-3;
/** What is left of the way down to the smallest loss. */
const SHARE_LEFT = 0.5;
const LARGEST = { width: 64, layers: 2, budget: 24, frames: 6, vocabSize: 500, tagCount: 50, frameSize: 64 };

/** How far a task's loss fell on the samples. */
export interface Overfitted {
  readonly metric: string;
  readonly from: number;
  readonly to: number;
  readonly ok: boolean;
}

export interface OverfitResult {
  readonly steps: number;
  readonly videos: number;
  /** The sizes it was done with, where the configuration's are larger. */
  readonly cut: readonly string[];
  readonly tasks: readonly Overfitted[];
}

interface DataSizes {
  readonly vocabSize: number;
  readonly frameSize: number;
  readonly tagCount: number;
}

/** Trains the tasks of a configuration on 8 samples, always masked the same: what cannot be learned by heart is broken. */
export function overfit(config: Config, sizes: DataSizes): OverfitResult {
  const { small, data, cut } = cutDown(config, sizes);
  const tokenizer = syntheticTokenizer(data.vocabSize);
  const encoder = encoderOf(small, data.vocabSize, data.frameSize);
  const model = pretraining(encoder, planOf(small, tokenizer, data.tagCount));
  const params = model.init(randomKey(0));
  const batch = syntheticBatch(small, tokenizer, { ...data, videos: VIDEOS }, foldIn(randomKey(0), 'batch'));
  const views = model.prepare(batch, foldIn(randomKey(0), 'masks'));
  const optimizer = adamW(params, { learningRate: LEARNING_RATE });
  const step = (): Map<string, number> => {
    const { metrics, grads } = valueAndGrad(params, () => model.loss(params, views));
    optimizer.update(grads, { factor: 1 });
    disposeGrads(grads);
    return new Map(Object.entries(metrics).map(([name, { sum, count }]) => [name, sum / count]));
  };
  const first = step();
  for (let i = 2; i < STEPS; i++) step();
  const last = step();
  optimizer.dispose();
  disposeTree(params);
  const tasks = expectedLosses(small, views, data).map(({ metric, floor }) => {
    const [from, to] = [first.get(metric)!, last.get(metric)!];
    return { metric, from, to, ok: to - floor <= SHARE_LEFT * (from - floor) };
  });
  return { steps: STEPS, videos: VIDEOS, cut, tasks };
}

/** The configuration with sizes that train in seconds, without dropout, which keeps anything from being learned by heart. */
function cutDown(config: Config, sizes: DataSizes): { small: Config; data: DataSizes; cut: string[] } {
  const cut: string[] = [];
  const atMost = (name: string, value: number, limit: number): number => {
    if (value > limit) cut.push(`${name} ${limit}`);
    return Math.min(value, limit);
  };
  const { model, text, frames } = config;
  const width = atMost('width', model.width, LARGEST.width);
  const small: Config = {
    ...config,
    model: {
      ...model,
      width,
      intermediate: model.width > LARGEST.width ? null : model.intermediate,
      heads: width % model.heads === 0 ? model.heads : 2,
      layers: atMost('layers', model.layers, LARGEST.layers),
      videoLayers: Math.min(model.videoLayers, LARGEST.layers),
      crossLayers: Math.min(model.crossLayers, LARGEST.layers),
      dropout: 0,
    },
    text: { ...text, budget: atMost('text tokens', text.budget, LARGEST.budget) },
    frames: { ...frames, limit: atMost('frames', frames.limit, LARGEST.frames) },
  };
  const data = {
    vocabSize: atMost('vocabulary', sizes.vocabSize, LARGEST.vocabSize),
    frameSize: atMost('frame features', sizes.frameSize, LARGEST.frameSize),
    tagCount: atMost('tags', sizes.tagCount, LARGEST.tagCount),
  };
  return { small, data, cut };
}
