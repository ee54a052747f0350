import type { StageName } from '@wbdc/runner';

/** A model of a competition: a configuration and the stages that make it. */
export interface Entry {
  /** Name of its run. */
  readonly name: string;
  /** In configs/competition, or the path of another one. */
  readonly file: string;
  readonly stages: readonly StageName[];
  /** What it is, in a few words. */
  readonly about?: string;
  /** A setting that takes the pretraining of another entry. */
  readonly from?: { readonly setting: string; readonly entry: string };
  /** Entries whose finetunings it learns from: finetune.distill.from. */
  readonly teachers?: readonly string[];
  /** What differs from the file. */
  readonly set?: readonly string[];
}

/** One of the published jobs, with what the original reached on its validation pairs. */
export interface PublishedEntry extends Entry {
  readonly about: string;
  readonly published: { readonly spearman: number; readonly mse: number };
}

export type Half = 'aiac' | 'wbdc';

const BOTH: readonly StageName[] = ['pretrain', 'finetune'];

const PUBLISHED = [
  [0.886031, 0.028813, 'tag, mlm and mfm'],
  [0.884257, 0.029493, 'tags from the mean'],
  [0.883843, 0.029248, 'no mfm'],
  [0.885397, 0.029059, 'then pairwise alone'],
  [0.885795, 0.028866, 'test videos too, another seed'],
  [0.886289, 0.029039, 'a quarter masked'],
] as const;

/** The six jobs of QQ Browser AIAC 2021's winners. */
export const AIAC: readonly PublishedEntry[] = PUBLISHED.map(([spearman, mse, about], i) => ({
  name: `job${i + 1}`,
  file: `aiac-job${i + 1}.yaml`,
  about,
  stages: BOTH,
  ...(i === 3 && { from: { setting: 'train.init', entry: 'job1' } }),
  published: { spearman, mse },
}));

/** Sizes of the ensembles that are measured, and what the original reached with them on the test board. */
export const ENSEMBLES: readonly number[] = [1, 2, 3, 5, 6];
export const PUBLISHED_ENSEMBLES: Readonly<Record<number, number>> = { 1: 0.836, 2: 0.845, 3: 0.849, 5: 0.852 };

/** WBDC 2022's models. The first's own tower has hardly seen the videos; the others have the CLIP stage's. */
export const WBDC: readonly (Entry & { readonly about: string })[] = [
  {
    name: 'single',
    about: 'one stream, a tower that hardly saw the videos',
    file: 'wbdc-single.yaml',
    stages: ['clip', 'features', ...BOTH],
  },
  { name: 'single-clip', about: "one stream, the CLIP stage's tower", file: 'wbdc-single-clip.yaml', stages: BOTH },
  { name: 'double', about: 'two streams', file: 'wbdc-double.yaml', stages: BOTH },
  {
    name: 'pgd',
    about: 'single-clip finetuned with PGD',
    file: 'wbdc-pgd.yaml',
    stages: ['finetune'],
    from: { setting: 'finetune.init', entry: 'single-clip' },
  },
];

/** What all models read. */
export const BASE: Entry = {
  name: 'base',
  file: '../base.yaml',
  stages: ['data', 'vocab', 'clip', 'features'],
};

/** A finetuning that differs from a half's plain one in one thing, made with every seed of {@link SEEDS}. */
export interface Trial {
  readonly name: string;
  /** For people. */
  readonly about: string;
  readonly set: readonly string[];
  /** Starts from fresh weights. */
  readonly fresh?: boolean;
  /** Starts from another pretraining than the half's plain one. */
  readonly pretraining?: Entry;
  /** Learns from what the plain ones of all seeds say of videos without labels. */
  readonly distilled?: boolean;
  /** What others saw, where they told. */
  readonly published?: string;
}

export const SEEDS: readonly number[] = [1, 2, 3];

/** In place of the one rate that the plain finetuning has for its BERT, its top layer has that. */
const LAYERS = ['finetune.rules=null', 'finetune.layerwiseDecay={decay: 0.8, learningRate: 5.0e-4}'];

/** The plain finetuning of a half, the first of its trials, and what the others change. */
export const TRIALS: Readonly<Record<Half, readonly [Trial, ...Trial[]]>> = {
  aiac: [
    { name: 'plain', about: "job 1's finetuning", set: [] },
    { name: 'scratch', about: 'without pretraining', set: [], fresh: true, published: 'lower' },
    {
      name: 'raw',
      about: 'scores as they are, not their ranks',
      set: ['finetune.labels=raw'],
      published: 'lower by 0.006',
    },
    { name: 'leaky', about: "the original's split, by which videos leak", set: ['finetune.split=official'] },
    { name: 'fgm', about: 'FGM', set: ['finetune.adversarial={kind: fgm, epsilon: 0.1}'] },
    { name: 'awp', about: 'adversarial weights (AWP)', set: ['finetune.adversarial={kind: awp}'] },
    { name: 'ema', about: 'averaged weights (EMA)', set: ['finetune.ema=0.9'] },
    {
      name: 'best',
      about: 'mean of the 3 best checkpoints',
      set: ['finetune.averageBest=3', 'finetune.evaluateEvery=12'],
    },
    { name: 'rdrop', about: 'R-Drop', set: ['finetune.rDrop=1'] },
    { name: 'samples', about: 'multi-sample dropout', set: ['finetune.samples=5'] },
    { name: 'layers', about: 'layer-wise decay 0.8', set: LAYERS },
  ],
  wbdc: [
    { name: 'plain', about: 'cross entropy alone', set: ['finetune.predict=[unlabeled]'] },
    { name: 'scratch', about: 'without pretraining', set: [], fresh: true, published: 'lower' },
    {
      name: 'six',
      about: 'pretrained with match, contrast and mask modality too',
      set: [],
      pretraining: { name: 'wbdc-six', file: 'wbdc-six.yaml', stages: ['pretrain'] },
    },
    { name: 'smoothing', about: 'label smoothing 0.1', set: ['finetune.labelSmoothing=0.1'] },
    { name: 'fgm', about: 'FGM', set: ['finetune.adversarial={kind: fgm, epsilon: 0.1}'], published: 'higher' },
    { name: 'pgd', about: 'PGD', set: ['finetune.adversarial={kind: pgd, steps: 3, alpha: 0.03}'] },
    { name: 'ema', about: 'averaged weights (EMA)', set: ['finetune.ema=0.9'], published: 'higher' },
    { name: 'layers', about: 'layer-wise decay 0.8', set: LAYERS },
    {
      name: 'rare',
      about: 'rare classes favoured at prediction',
      set: ['finetune.rareClass=10'],
      published: 'higher by 0.003 to 0.006',
    },
    {
      name: 'distill',
      about: 'distilled from the three plain ones, as many steps',
      // 480 labelled and 2,175 other videos: two epochs are about as many steps as ten of the labelled ones
      set: ['finetune.epochs=2'],
      distilled: true,
      published: 'higher by 0.021',
    },
    {
      name: 'distill-long',
      about: 'distilled so, three times the steps',
      set: ['finetune.epochs=6'],
      distilled: true,
      published: 'higher by 0.021',
    },
  ],
};

/** Whose pretraining the trials of a half start from, and the settings that make a plain finetuning of its own one. */
const TRIAL_BASE: Readonly<
  Record<Half, { readonly entry: string; readonly file: string; readonly set: readonly string[] }>
> = {
  aiac: { entry: 'job1', file: 'aiac-job1.yaml', set: [] },
  wbdc: {
    entry: 'single-clip',
    file: 'wbdc-single-clip.yaml',
    set: ['finetune.labelSmoothing=0', 'finetune.ema=null', 'finetune.adversarial={kind: none}'],
  },
};

/** The run of a trial with a seed. */
export function trialName(half: Half, trial: Trial, seed: number): string {
  return `${half}-${trial.name}-seed${seed}`;
}

/** The runs of all trials of a half, and of the pretrainings that they alone start from. */
export function trialEntries(half: Half): Entry[] {
  const { entry, file, set } = TRIAL_BASE[half];
  const finetunings = TRIALS[half].flatMap((trial) =>
    SEEDS.map((seed) => ({
      name: trialName(half, trial, seed),
      file,
      stages: ['finetune'] as const,
      ...(trial.fresh ? {} : { from: { setting: 'finetune.init', entry: trial.pretraining?.name ?? entry } }),
      ...(trial.distilled && { teachers: SEEDS.map((one) => trialName(half, TRIALS[half][0], one)) }),
      set: [`seed=${seed}`, ...set, ...trial.set, ...(trial.fresh ? ['finetune.init=none'] : [])],
    })),
  );
  return [...TRIALS[half].flatMap(({ pretraining }) => pretraining ?? []), ...finetunings];
}

export const ENTRIES: Readonly<Record<Half, readonly Entry[]>> = { aiac: AIAC, wbdc: WBDC };
