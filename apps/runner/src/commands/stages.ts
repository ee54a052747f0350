import type { Stage } from '../run/stage.js';
import { clipStage } from './clip.js';
import { dataStage } from './data.js';
import { featuresStage } from './features.js';
import { finetuneStage } from './finetune.js';
import { pretrainStage } from './pretrain.js';
import { textStage } from './text.js';
import { vocabStage } from './vocab.js';

/** All stages, in the order of a run. */
export const ALL_STAGES: readonly Stage[] = [
  dataStage,
  vocabStage,
  clipStage,
  featuresStage,
  textStage,
  pretrainStage,
  finetuneStage,
];
