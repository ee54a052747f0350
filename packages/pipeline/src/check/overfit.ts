import { disposeTree, randomKey } from '@wbdc/nn';
import { adamW, disposeGrads, valueAndGrad } from '@wbdc/train';
import type { ClipSettings } from '../settings/clip.js';
import type { CheckJob, CheckSettings, DataSizes } from './settings.js';
import { subjectOf } from './subject.js';

const SAMPLES = 8;
/** The tasks of a plan that weighs one a thousand times need many of them. */
const MOST_STEPS = 160;
const LEARNING_RATE = 3e-3;
/** What is left of the way down to the smallest loss. */
const SHARE_LEFT = 0.5;
const LARGEST = {
  width: 64,
  layers: 2,
  crossLayers: 3, // rules of the configurations that come with the runner name the third
  budget: 24,
  frames: 6,
  vocabSize: 500,
  tagCount: 50,
  frameSize: 64,
  patch: 16,
};

/** How far a task's loss fell on the samples. */
interface Overfitted {
  readonly metric: string;
  readonly from: number;
  readonly to: number;
  readonly ok: boolean;
}

export interface OverfitResult {
  readonly steps: number;
  readonly samples: number;
  /** The sizes it was done with, where the configuration's are larger. */
  readonly cut: readonly string[];
  readonly tasks: readonly Overfitted[];
}

/** Trains a job on 8 samples, always masked the same: what cannot be learned by heart is broken. */
export async function overfit(job: CheckJob, config: CheckSettings, sizes: DataSizes): Promise<OverfitResult> {
  const { small, data, cut } = cutDown(job, config, sizes);
  const { params, batchOf, loss, expected } = subjectOf(job, small, data, randomKey(0));
  const batch = batchOf(SAMPLES);
  const optimizer = adamW(params, { learningRate: LEARNING_RATE });
  const step = async (): Promise<Map<string, number>> => {
    const { metrics, grads } = await valueAndGrad(params, () => loss(batch));
    optimizer.update(grads, { factor: 1 });
    disposeGrads(grads);
    return new Map(Object.entries(metrics).map(([name, { sum, count }]) => [name, sum / count]));
  };
  const first = await step();
  const compare = (last: ReadonlyMap<string, number>): Overfitted[] =>
    expected(batch).map(({ metric, floor }) => {
      const [from, to] = [first.get(metric)!, last.get(metric)!];
      return { metric, from, to, ok: to - floor <= SHARE_LEFT * (from - floor) };
    });
  let steps = 1;
  let tasks: Overfitted[] = [];
  while (steps < MOST_STEPS && !(tasks.length > 0 && tasks.every(({ ok }) => ok))) {
    tasks = compare(await step());
    steps++;
  }
  optimizer.dispose();
  disposeTree(params);
  return { steps, samples: SAMPLES, cut, tasks };
}

/** A job of the same kind with sizes that train in seconds. */
export function cutDown(job: CheckJob, config: CheckSettings, sizes: DataSizes): Cut {
  return job === 'clip' ? cutClip(config, sizes) : cutModel(config, sizes);
}

interface Cut {
  readonly small: CheckSettings;
  readonly data: DataSizes;
  /** What was cut, and to what. */
  readonly cut: readonly string[];
}

/**
 * The configuration with sizes that train in seconds, without dropout, which keeps anything from being learned by
 * heart.
 */
function cutModel(config: CheckSettings, sizes: DataSizes): Cut {
  const { cut, atMost } = cutter();
  const { clip, model, text, frames, tasks, features, finetune } = config;
  const { vision } = finetune;
  const width = atMost('width', model.width, LARGEST.width);
  // Fresh weights need what a trained BERT does without: a head of tags that starts at their share. One that starts at
  // a half, with a published weight, pulls all states to one point, from which so few steps do not come back.
  const tagCount = atMost('tags', sizes.tagCount, LARGEST.tagCount);
  const small: CheckSettings = {
    ...config,
    ...(vision && { clip: { ...clip, vision: cutVision(clip.vision, atMost) } }),
    model: {
      ...model,
      width,
      intermediate: model.width > LARGEST.width ? null : model.intermediate,
      heads: width % model.heads === 0 ? model.heads : 2,
      layers: atMost('layers', model.layers, LARGEST.layers),
      videoLayers: Math.min(model.videoLayers, LARGEST.layers),
      crossLayers: Math.min(model.crossLayers, LARGEST.crossLayers),
      dropout: 0,
    },
    tasks:
      tasks.tag && tagCount > 1 ? { ...tasks, tag: { ...tasks.tag, prior: tasks.tag.prior ?? 1 / tagCount } } : tasks,
    text: { ...text, budget: atMost('text tokens', text.budget, LARGEST.budget) },
    frames: { ...frames, limit: atMost('frames', frames.limit, LARGEST.frames) },
    finetune: {
      ...finetune,
      vision: vision && { ...vision, frames: null, lastLayers: cutLayers(vision.lastLayers) },
      dropout: 0,
    },
  };
  const frameSize = vision && features.output === 'pooled' ? small.clip.vision.width : sizes.frameSize;
  const data = {
    vocabSize: atMost('vocabulary', sizes.vocabSize, LARGEST.vocabSize),
    frameSize: atMost('frame features', frameSize, LARGEST.frameSize),
    tagCount,
    classes: sizes.classes,
  };
  return { small, data, cut };
}

/** No more than are left of a tower. */
function cutLayers(layers: number | null): number | null {
  return layers === null ? null : Math.min(layers, LARGEST.layers);
}

/** The same for the CLIP stage: fewer pixels too. */
function cutClip(config: CheckSettings, sizes: DataSizes): Cut {
  const { cut, atMost } = cutter();
  const { vision, text, framesPerVideo } = config.clip;
  const small: CheckSettings = {
    ...config,
    clip: {
      ...config.clip,
      vision: cutVision(vision, atMost),
      text: {
        ...cutTower('text', text, atMost),
        init: undefined,
        dropout: 0,
        budget: atMost('tokens', text.budget, LARGEST.budget),
      },
      framesPerVideo: atMost('frames', framesPerVideo, 2),
    },
  };
  return { small, data: { ...sizes, vocabSize: atMost('vocabulary', sizes.vocabSize, LARGEST.vocabSize) }, cut };
}

type AtMost = (name: string, value: number, limit: number) => number;

function cutVision(vision: ClipSettings['vision'], atMost: AtMost): ClipSettings['vision'] {
  const patchSize = Math.min(vision.patchSize, LARGEST.patch);
  const imageSize = atMost('pixels', vision.imageSize, 2 * patchSize);
  return { ...cutTower('vision', vision, atMost), patchSize, imageSize };
}

function cutTower<T extends { width: number; layers: number; heads: number; intermediate: number | null }>(
  name: string,
  of: T,
  atMost: AtMost,
): T {
  const width = atMost(`${name} width`, of.width, LARGEST.width);
  const layers = atMost(`${name} layers`, of.layers, LARGEST.layers);
  const intermediate = of.width > LARGEST.width ? null : of.intermediate;
  return { ...of, width, layers, intermediate, heads: width % of.heads === 0 ? of.heads : 2 };
}

/** Keeps a list of what was cut. */
function cutter(): { cut: string[]; atMost: AtMost } {
  const cut: string[] = [];
  const atMost = (name: string, value: number, limit: number): number => {
    if (value > limit) cut.push(`${name} ${limit}`);
    return Math.min(value, limit);
  };
  return { cut, atMost };
}
