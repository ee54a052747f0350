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

/** A run, and the stages it has of its own. */
export interface Run {
  readonly name: string;
  readonly stages: readonly StageName[];
}

/** What the data, the vision tower and the features come from. */
export const BASE: Run = { name: 'base', stages: ['data', 'vocab', 'clip', 'features'] };

/** The run of a trial. */
export function runOf({ model, objectives, seed }: Trial): Run {
  const name = `${model}-${objectives}-${OBJECTIVES[objectives - 1] ?? 'none'}-seed${seed}`;
  return { name, stages: objectives === 0 ? ['finetune'] : ['pretrain', 'finetune'] };
}

/** All stages: the base's, then those of the trials. */
export function stageTasks(trials: readonly Trial[]): StageTask[] {
  const base = tasksOf(BASE, shippedConfig('demo.yaml'), [], []);
  const last = base.slice(-1).map(({ name }) => name);
  return [...base, ...trials.flatMap((trial) => tasksOf(runOf(trial), configOf(trial), settingsOf(trial), last))];
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
