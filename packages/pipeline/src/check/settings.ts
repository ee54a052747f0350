import type { ClipSettings } from '../settings/clip.js';
import type { FeatureSettings } from '../settings/frames.js';
import type { FinetuneSettings } from '../settings/finetune.js';
import type { PretrainSettings } from '../settings/pretrain.js';

/** The trainings that can be checked. */
export const CHECK_JOBS = ['pretrain', 'clip', 'finetune'] as const;
export type CheckJob = (typeof CHECK_JOBS)[number];

/** Settings of all trainings, of which a check reads those of its job. */
export interface CheckSettings extends PretrainSettings {
  readonly clip: ClipSettings;
  readonly finetune: FinetuneSettings;
  /** Of a finetuning that trains the vision tower too. */
  readonly features: Pick<FeatureSettings, 'output'>;
}

/** What the data would decide. */
export interface DataSizes {
  /** V */
  readonly vocabSize: number;
  /** Dv */
  readonly frameSize: number;
  /** T */
  readonly tagCount: number;
  /** C */
  readonly classes: number;
}
