import type { Measurement } from '../training/measurement.js';
import type { Dataset, Recipe } from '@wbdc/data';
import type { CategoryScores, Pair } from '@wbdc/finetune';
import type { CombinedCategories, CombinedSimilarity, FinetuneFiles } from '@wbdc/finetune/node';
import type { Measured } from '@wbdc/metrics';
import type { Tokenizer } from '@wbdc/tokenizer';
import type { FeatureExtractor } from '../features/extractor.js';
import type { PlainTexts } from './baselines.js';
import type { FinetuneSettings } from '../settings/finetune.js';
import type { FrameSettings } from '../settings/frames.js';
import type { ModelSettings } from '../settings/model.js';
import type { TextSettings } from '../settings/text.js';
import type { RunOptions, TrainingResult } from '../training/run.js';
import type { CheckpointFile } from '@wbdc/train/node';

/** The data of a finetuning. Data sets stay open: whoever opened them closes them. */
export interface FinetuneData {
  /**
   * Videos to learn from: of a category finetuning those with a `categoryId`, and those that `distill` labels; of a tag
   * finetuning those with one of the data set's tags.
   */
  readonly training: Dataset;
  /** Videos to predict, and to measure on. */
  readonly heldOut: Dataset;
  /** How the frame features were made; models tell by it which videos fit them. */
  readonly features?: Recipe | undefined;
  /** Categories of held-out videos by id, beside those that the data set has. */
  readonly truth?: ReadonlyMap<string, string>;
  /** Similarity: labelled pairs of the training videos, and of held-out ones to measure on. */
  readonly pairs?: { readonly train: readonly Pair[]; readonly heldOut?: readonly Pair[] };
  /**
   * Which training videos no fold and no split of pairs may divide, by id: beside the `group`s of the data set, those
   * of equal frames (`equalFrames` of `@wbdc/data`).
   */
  readonly groups?: ReadonlyMap<string, string>;
  /**
   * The texts of videos as they are, as a `VideoSet` reads them: what letters alone reach is measured beside the model.
   * Without them that baseline is missing.
   */
  readonly texts?: ((wanted: ReadonlySet<string>) => Promise<PlainTexts>) | undefined;
  /** Opens a split that `settings.finetune.predict` names. */
  readonly open?: (split: string) => Promise<Dataset>;
}

/** Where the weights of the encoder come from. */
export type InitialWeights =
  /** A model of wbdc, as `findModel` finds it; of a run, its pretraining. */
  | { readonly checkpoint: string }
  /** A BERT that has read a corpus, as `openCorpus` and `pretrain` make it, for the text; the rest is fresh. */
  | { readonly corpus: string }
  /** A published BERT's folder, for the text, and a ViT's or CLIP's, for a video stream; the rest is fresh. */
  | { readonly bert?: string; readonly vision?: string };

/** What is finetuned on what. */
export interface FinetuneOptions extends RunOptions {
  readonly settings: {
    readonly model: ModelSettings;
    readonly text: TextSettings;
    readonly frames: FrameSettings;
    /** `init`, `splits` and `pairs` are for whoever reads weights and data; they are not looked at here. */
    readonly finetune: FinetuneSettings;
  };
  readonly data: FinetuneData;
  /** The one that the data sets' texts were tokenised with; it is kept with the model. */
  readonly tokenizer: Tokenizer;
  /** Further files to keep in every checkpoint: paths, or name and contents. */
  readonly files?: readonly (string | CheckpointFile)[];
  /** Without it the weights are fresh. */
  readonly init?: InitialWeights | undefined;
  /**
   * A vision tower to train too, where `settings.finetune.vision` says how: the data sets then hold pixels, see
   * `pictureSource`. Its own parameters stay as they are.
   */
  readonly extractor?: FeatureExtractor | undefined;
}

/** What a complete finetuning of one model leaves in its folder, besides checkpoints and metrics. */
export interface FinetuneConclusion {
  /** Folder of the finished model, for `openTrained`. */
  readonly model: string;
  /** Folder of the vision tower, where that was trained too. */
  readonly tower?: string;
  readonly files: FinetuneFiles;
  /** Held-out videos that were predicted. */
  readonly predicted: number;
  /** Whether there is a file of out-of-fold predictions. */
  readonly outOfFold: boolean;
  /** Whether hard negatives were mined for it. */
  readonly mined?: boolean;
  /** Of a category finetuning. */
  readonly categories?: {
    readonly classes: readonly string[];
    /** Labelled videos that it learned from. */
    readonly labelled: number;
    /** Scores of the validation or held-out videos; nothing where their truth is not known. */
    readonly scores: CategoryScores | undefined;
    /** Files with the probabilities of further splits. */
    readonly further: readonly { readonly split: string; readonly path: string; readonly videos: number }[];
  };
  /** Of a tag finetuning. */
  readonly tags?: {
    readonly count: number;
    readonly labelled: number;
    readonly scores: TagScores | undefined;
  };
}

/** What a tag finetuning measured. */
export interface TagScores {
  readonly videos: number;
  /** Over the tags that the videos have, over the videos, and F1 by the thresholds; each beside its baselines. */
  readonly measured: Readonly<Record<'mAP' | 'video mAP' | 'micro F1' | 'macro F1', Measured>>;
  readonly perTag: readonly {
    readonly tag: string;
    /** Videos that have it. */
    readonly support: number;
    readonly threshold: number;
    readonly f1: number;
  }[];
}

/** What the tag models of all folds say together. */
export interface CombinedTags {
  /** Of every labelled video by the model that did not learn it. */
  readonly scores: TagScores;
  /** Of the mean of the folds on the held-out videos, by thresholds chosen on the others; nothing without tags. */
  readonly heldOut: TagScores | undefined;
  /** For each tag, chosen on what the models say of videos that they did not learn. */
  readonly thresholds: readonly number[];
  /** Labelled videos, and held-out ones that were predicted. */
  readonly counts: { readonly labelled: number; readonly predicted: number };
}

/** One finetuned model. */
export interface FinetunedModel extends TrainingResult<Measurement, FinetuneConclusion> {
  readonly kind: 'model';
}

/** A model per fold, and what they say together. */
export interface FinetunedFolds {
  readonly kind: 'folds';
  readonly status: 'complete' | 'interrupted';
  /** The folders of the models. */
  readonly folders: readonly string[];
  /** Where it was interrupted. */
  readonly interrupted?: { readonly fold: number; readonly result: FinetunedModel };
  /** The files of all folds together. */
  readonly files: FinetuneFiles;
  readonly categories?: CombinedCategories;
  readonly similarity?: CombinedSimilarity;
  readonly tags?: CombinedTags;
}

export type FinetuneResult = FinetunedModel | FinetunedFolds;
