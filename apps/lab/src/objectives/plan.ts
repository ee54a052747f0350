import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { TaskName } from '@wbdc/pipeline';
import { shippedConfig, type StageName } from '@wbdc/runner';
import type { StageTask } from '../jobs/run-jobs.js';

/** The objectives in the order in which they are added: those of QQ Browser AIAC 2021, then those of WBDC 2022. */
export const OBJECTIVES: readonly TaskName[] = ['tag', 'mlm', 'mfm', 'ftm', 'ftc', 'mmm'];

/** The models by the name of their configuration. */
export const MODELS = ['single', 'double'] as const;
export type ModelName = (typeof MODELS)[number];

export const TITLES: Readonly<Record<ModelName, string>> = {
  single: 'single stream (uni-model)',
  double: 'double stream (lxmert-model)',
};

/** A pretraining with the first so many objectives, and the finetuning that probes it; 0: finetuning alone. */
export interface Trial {
  readonly model: ModelName;
  readonly objectives: number;
  readonly seed: number;
  /** It starts from a text side that has read the corpus. */
  readonly text?: true;
}

/** Which objectives to add, and on what. */
export interface Ladder {
  /** The first so many of {@link OBJECTIVES}. */
  readonly upTo: number;
  /** Without what lies between none and the last. */
  readonly ends?: boolean;
  /** Settings that name the data; without them the embedded ones. */
  readonly data: readonly string[];
  /** The options that ask for it. */
  readonly words: string;
  /** The data have a corpus: the whole ladder once more after the text stage. */
  readonly corpus: boolean;
}

const WHOLE: Ladder = { upTo: OBJECTIVES.length, data: [], corpus: false, words: '' };

/** Every number of objectives with every seed, seeds last: what is there at any time compares. */
export function trialsOf(
  models: readonly ModelName[],
  seeds: number,
  { upTo, corpus, ends = false }: Pick<Ladder, 'upTo' | 'corpus' | 'ends'> = WHOLE,
): Trial[] {
  return Array.from({ length: seeds }, (_, i) => i + 1).flatMap((seed) =>
    models.flatMap((model) => [
      ...(ends ? [0, upTo] : Array.from({ length: upTo + 1 }, (_, objectives) => objectives)).map(
        (objectives): Trial => ({
          ...{ model, objectives, seed },
        }),
      ),
      ...(corpus ? [{ model, objectives: upTo, seed, text: true as const }] : []),
    ]),
  );
}

/** `no pretraining`, `tag`, `+ mlm`, ... */
export function labelOf(objectives: number, text = false): string {
  if (text) return 'general text first';
  if (objectives === 0) return 'no pretraining';
  return objectives === 1 ? OBJECTIVES[0] : `+ ${OBJECTIVES[objectives - 1]}`;
}

/** A run, and the stages it has of its own. */
export interface Run {
  readonly name: string;
  readonly stages: readonly StageName[];
}

/** What the data, the vision tower and the features come from. */
export const BASE: Run = { name: 'base', stages: ['data', 'vocab', 'clip', 'features'] };

/** Masked words, and words that find their definitions: what one reads in minutes. Both models have this text side. */
const CORPUS = [
  'vocab={size: 9600, minFrequency: 4}',
  'corpus={tasks: {mlm: {wholeWord: true, prior: frequency}, ftc: {pooling: mean}}, ' +
    'train: {batchSize: 64, epochs: 2, ' +
    'learningRate: 1.0e-3, rules: [], warmup: 0.05, schedule: cosine, evaluateEvery: 1000, checkpointEvery: 500}}',
];

/** The run of a trial. */
export function runOf({ model, objectives, seed, text }: Trial): Run {
  const name = `${model}-${objectives}-${text ? 'text-' : ''}${OBJECTIVES[objectives - 1] ?? 'none'}-seed${seed}`;
  return { name, stages: objectives === 0 ? ['finetune'] : ['pretrain', 'finetune'] };
}

/** All stages: the base's, then those of the trials. */
export function stageTasks(trials: readonly Trial[], ladder: Ladder = WHOLE): StageTask[] {
  const { corpus } = ladder;
  const data = [...ladder.data, ...(corpus ? CORPUS : [])];
  const base = tasksOf(BASE, shippedConfig('demo.yaml'), data, []);
  const last = base.slice(-1).map(({ name }) => name);
  const read = corpus ? tasksOf({ ...BASE, stages: ['text'] }, configPath('objectives/single.yaml'), data, last) : [];
  return [
    ...[...base, ...read],
    ...trials.flatMap((trial) => {
      const start = corpus ? [`corpus.start=${trial.text === true}`] : [];
      const needs = trial.text ? read.map(({ name }) => name) : last;
      return tasksOf(runOf(trial), configOf(trial), [...settingsOf(trial), ...data, ...start], needs);
    }),
  ];
}

/** The stages of a run, one after another; the first needs others. */
function tasksOf({ name, stages }: Run, config: string, set: readonly string[], needs: readonly string[]): StageTask[] {
  return stages.map((stage, i) => ({
    name: `${name} ${stage}`,
    needs: i === 0 ? needs : [`${name} ${stages[i - 1]}`],
    run: name,
    stage,
    config,
    set,
  }));
}

export function configOf({ model }: Trial): string {
  return configPath(join('objectives', `${model}.yaml`));
}

/** What a trial changes in its model's configuration. */
export function settingsOf({ objectives, seed }: Trial): string[] {
  const dropped = OBJECTIVES.slice(Math.max(1, objectives)).map((name) => `tasks.${name}=null`);
  return [`run.base=${BASE.name}`, `seed=${seed}`, ...dropped, ...(objectives === 0 ? ['finetune.init=none'] : [])];
}

function configPath(name: string): string {
  return fileURLToPath(new URL(join('../../configs', name), import.meta.url));
}
