import type { StageName } from '../stage.js';

/** A model of a competition: a configuration in configs/competition and the stages that make it. */
export interface Entry {
  /** Name of its run. */
  readonly name: string;
  readonly file: string;
  readonly stages: readonly StageName[];
  /** A setting that takes the pretraining of another entry. */
  readonly from?: { readonly setting: string; readonly entry: string };
  /** What the original reached on its validation pairs. */
  readonly published?: { readonly spearman: number; readonly mse: number };
}

const BOTH: readonly StageName[] = ['pretrain', 'finetune'];

const PUBLISHED = [
  [0.886031, 0.028813],
  [0.884257, 0.029493],
  [0.883843, 0.029248],
  [0.885397, 0.029059],
  [0.885795, 0.028866],
  [0.886289, 0.029039],
] as const;

/** The six jobs of QQ Browser AIAC 2021's winners. */
export const AIAC: readonly Entry[] = PUBLISHED.map(([spearman, mse], i) => ({
  name: `job${i + 1}`,
  file: `aiac-job${i + 1}.yaml`,
  stages: BOTH,
  ...(i === 3 && { from: { setting: 'train.init', entry: 'job1' } }),
  published: { spearman, mse },
}));

/** Sizes of the ensembles that are measured. */
export const ENSEMBLES: readonly number[] = [1, 2, 3, 5, 6];

/** WBDC 2022's models. On the embedded data features always come from the CLIP stage's tower. */
export const WBDC: readonly Entry[] = [
  { name: 'single', file: 'wbdc-single.yaml', stages: BOTH },
  { name: 'double', file: 'wbdc-double.yaml', stages: BOTH },
  { name: 'pgd', file: 'wbdc-pgd.yaml', stages: ['finetune'], from: { setting: 'finetune.init', entry: 'single' } },
];

/** What all models read. */
export const BASE: Entry = { name: 'base', file: '../demo.yaml', stages: ['data', 'vocab', 'clip', 'features'] };
