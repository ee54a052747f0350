import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Job } from '../commands/run-job.js';
import type { TaskName } from '../config/schema.js';

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
}

/** Every number of objectives with every seed, seeds last: what is there at any time compares. */
export function trialsOf(models: readonly ModelName[], seeds: number): Trial[] {
  return Array.from({ length: seeds }, (_, i) => i + 1).flatMap((seed) =>
    models.flatMap((model) =>
      Array.from({ length: OBJECTIVES.length + 1 }, (_, objectives): Trial => ({ model, objectives, seed })),
    ),
  );
}

/** `no pretraining`, `tag`, `+ mlm`, ... */
export function labelOf(objectives: number): string {
  if (objectives === 0) return 'no pretraining';
  return objectives === 1 ? OBJECTIVES[0] : `+ ${OBJECTIVES[objectives - 1]}`;
}

/** What the data, the vision tower and the features come from. */
export const BASE: Job = {
  name: 'base',
  config: configPath('demo.yaml'),
  set: [],
  stages: ['data', 'vocab', 'clip', 'features'],
};

/** The name of a trial's run. */
export function runNameOf({ model, objectives, seed }: Trial): string {
  return `${model}-${objectives}-${OBJECTIVES[objectives - 1] ?? 'none'}-seed${seed}`;
}

/** The runs of a trial; `set` are further settings of all of them. */
export function jobOf(trial: Trial, set: readonly string[]): Job {
  const { model, objectives, seed } = trial;
  const dropped = OBJECTIVES.slice(Math.max(1, objectives)).map((name) => `tasks.${name}=null`);
  return {
    name: runNameOf(trial),
    config: configPath(join('objectives', `${model}.yaml`)),
    set: [
      `run.base=${BASE.name}`,
      `seed=${seed}`,
      ...dropped,
      ...(objectives === 0 ? ['finetune.init=none'] : []),
      ...set,
    ],
    stages: objectives === 0 ? ['finetune'] : ['pretrain', 'finetune'],
  };
}

function configPath(name: string): string {
  return fileURLToPath(new URL(join('../../configs', name), import.meta.url));
}
