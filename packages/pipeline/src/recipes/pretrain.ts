import * as tf from '@tensorflow/tfjs';
import type { Tensor2D } from '@tensorflow/tfjs';
import { foldIn, randomKey, type Batch, type Key } from '@wbdc/nn';
import { single, type Communicator } from '@wbdc/distributed';
import type { Measured } from '@wbdc/metrics';
import {
  evaluate,
  pretrainedEmbedding,
  pretraining,
  type Corpus,
  type PreparedView,
  type Pretraining,
  type PretrainParams,
  type TagHead,
} from '@wbdc/pretrain-tasks';
import { valueAndGrad } from '@wbdc/train';
import { encoderOf, type VideoTextParams } from '../encoder.js';
import type { FrameSettings } from '../settings/frames.js';
import type { ModelSettings } from '../settings/model.js';
import type { TrainSettings } from '../settings/training.js';
import type { BatchPosition } from '../training/order.js';
import { takePart } from '../training/take-part.js';
import { pastQueue } from './past-queue.js';
import { planOf, viewsOf, type NamedView, type PlanSettings, type TaskVocabulary } from './plan.js';
import type { TrainingRecipe } from './recipe.js';

/** What decides a pretraining. */
export interface PretrainRecipeOptions {
  readonly settings: PlanSettings & {
    readonly model: ModelSettings;
    readonly frames: Pick<FrameSettings, 'limit'>;
    readonly train: TrainSettings;
  };
  readonly tokenizer: TaskVocabulary;
  /** Dv */
  readonly frameSize: number;
  /** T */
  readonly tagCount: number;
  /** `[V]` How often each token occurs, for heads that start at the frequencies; without it they start at 0. */
  readonly tokenCounts?: ArrayLike<number>;
}

/** A batch corrupted for every view, and whose it is. */
export interface PreparedBatch {
  readonly ids: readonly string[];
  readonly views: readonly PreparedView[];
}

/** Reads videos; the key draws the frames of those that have too many. */
export type ReadVideos = (indices: readonly number[], key: Key) => Promise<Batch>;

/** The pretraining of a video-text model on the tasks of its settings. */
export interface PretrainRecipe extends TrainingRecipe<PreparedBatch, PretrainParams<VideoTextParams>> {
  readonly model: Pretraining<VideoTextParams>;
  readonly views: readonly NamedView[];
  /** Corrupts a batch for every view. */
  prepare(batch: Batch, key: Key): PreparedBatch;
  /**
   * Reads and corrupts the batch at a position, together with what tasks ask of the batches before it. Of several
   * processes each reads all of it, since masks, exchanges and wrong answers are drawn among all, and gets its part.
   */
  reader(read: ReadVideos, communicator?: Communicator): (position: BatchPosition) => Promise<PreparedBatch>;
  /**
   * What is known of a video before any finetuning, as a unit vector: the mean of all states, through the tags' hidden
   * layer where that reads the mean.
   */
  embed(batch: Batch): Tensor2D;
  /** Metrics of every task beside trivial baselines; the masks are always the same, whatever the seed. */
  evaluate(batches: AsyncIterable<Batch>, corpus: Corpus): Promise<Readonly<Record<string, Measured>>>;
}

/** @param key draws the fresh weights */
export function pretrainRecipe(options: PretrainRecipeOptions, key: Key): PretrainRecipe {
  const { settings, tokenizer, frameSize, tagCount, tokenCounts } = options;
  const { learningRate, weightDecay, rules } = settings.train;
  const encoder = encoderOf(settings, tokenizer.vocabSize, frameSize);
  const model = pretraining(encoder, planOf(settings, tokenizer, tagCount, tokenCounts), {
    reduction: settings.train.reduction,
  });
  const params = model.init(key);
  const { mfm, ftc } = settings.tasks;
  const queue = { frames: mfm?.queue ?? 0, texts: ftc?.queue ?? 0, field: ftc?.field ?? 'title' };
  const prepare = (batch: Batch, batchKey: Key): PreparedBatch => {
    return { ids: batch.ids, views: model.prepare(batch, foldIn(batchKey, 'masks')) };
  };
  return {
    about: settings.model.kind,
    noun: 'video',
    settings: settings.train,
    model,
    views: viewsOf(settings),
    params,
    components: { encoder: params.encoder, ...params.heads },
    loss: ({ views }, dropout, meanAsked) => model.loss(params, views, dropout, meanAsked),
    asked: ({ views }) => model.asked(views),
    rules: { learningRate, weightDecay, rules },
    gradients: valueAndGrad,
    ids: ({ ids }) => ids,
    prepare,
    reader: (read, communicator = single) => {
      const withPast = pastQueue(queue, (position) => read(position.indices, foldIn(position.key, 'frames')));
      return async (position) => {
        const { ids, views } = prepare(await withPast(position), position.key);
        return { ids: takePart(ids, position.part), views: model.divide(views, communicator) };
      };
    },
    embed: (batch) =>
      tf.tidy(() => {
        const { hidden } = (params.heads['tag'] ?? {}) as Partial<TagHead>;
        const layer = settings.tasks.tag?.pooling === 'mean' ? hidden : undefined;
        return pretrainedEmbedding(encoder.encode(params.encoder, batch, {}), batch, layer);
      }),
    evaluate: (batches, corpus) => evaluate(model, params, batches, corpus, randomKey(0)),
  };
}
