import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { TaskName } from '@wbdc/pipeline';
import type { StageName } from '@wbdc/runner';
import { AFTER_TEXT, corpusSettings } from '../general-text.js';
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

/** A pretraining with the first so many objectives, and the finetunings that probe it; 0: finetuning alone. */
export interface Trial {
  readonly model: ModelName;
  readonly objectives: number;
  readonly seed: number;
  /** It starts from a text side that has read the corpus. */
  readonly text?: true;
  /** What it has other than the rest, in an ablation. */
  readonly point?: Point;
  /** Settings of its own. */
  readonly set?: readonly string[];
}

/**
 * What an ablation varies: the share of the videos that pretraining learns from, its epochs, the width of the model, or
 * the share of the whole corpus that the text side reads.
 */
export const AXES = ['share', 'epochs', 'width', 'corpus'] as const;
export type Axis = (typeof AXES)[number];

/** One value of an axis. */
export interface Point {
  readonly axis: Axis;
  readonly value: number;
}

/** What a pretraining is probed by: finetuning for categories, or for the similarity of pairs. */
export const PROBES = ['category', 'similarity'] as const;
export type Probe = (typeof PROBES)[number];

/**
 * Where the pretrainings start: from fresh weights, from the text side that has read the corpus, or from that and the
 * last once more from fresh weights.
 */
export const STARTS = ['fresh', 'text', 'both'] as const;
export type Start = (typeof STARTS)[number];

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
  /** The data have a corpus, of which these splits are read. */
  readonly corpus?: readonly string[];
  /** This share of the whole corpus is read instead, once. */
  readonly share?: number;
  /** Without a corpus fresh weights are all there is. */
  readonly start: Start;
  readonly probes: readonly Probe[];
}

export const WHOLE: Ladder = { upTo: OBJECTIVES.length, data: [], start: 'fresh', probes: ['category'], words: '' };

/** Every number of objectives with every seed, seeds last: what is there at any time compares. */
export function trialsOf(
  models: readonly ModelName[],
  seeds: number,
  { upTo, start, share, ends = false }: Pick<Ladder, 'upTo' | 'start' | 'share' | 'ends'> = WHOLE,
): Trial[] {
  const point = share === undefined ? {} : { point: { axis: 'corpus', value: share } as const };
  const read = start === 'fresh' ? {} : { text: true as const, ...point };
  const rungs = Array.from({ length: upTo }, (_, i) => i + 1).slice(ends ? -1 : 0);
  return Array.from({ length: seeds }, (_, i) => i + 1).flatMap((seed) =>
    models.flatMap((model): Trial[] => [
      { model, objectives: 0, seed },
      ...(start === 'fresh' ? [] : [{ model, objectives: 0, seed, ...read }]),
      ...rungs.map((objectives) => ({ model, objectives, seed, ...read })),
      ...(start === 'both' ? [{ model, objectives: upTo, seed }] : []),
    ]),
  );
}

/**
 * `no pretraining`, `tag`, `+ mlm`, ...; from a text side that has read: `general text`, `+ tag`, ...
 *
 * @param before the number of objectives of the row before
 */
export function labelOf(objectives: number, text = false, before = objectives - 1): string {
  if (objectives === 0) return text ? 'general text' : 'no pretraining';
  const added = OBJECTIVES.slice(before, objectives).join(', ');
  return before > 0 || text ? `+ ${added}` : added;
}

/** A run, and the stages it has of its own. */
export interface Run {
  readonly name: string;
  readonly stages: readonly StageName[];
}

/** What the data, the vision tower and the features come from. */
export const BASE: Run = { name: 'base', stages: ['data', 'vocab', 'clip', 'features'] };

/** Pairs: `finetune` of {@link configOf} for similarity. */
const PAIRS = ['kind=similarity', 'width=64', 'batchSize=64', 'epochs=4'].map((one) => `finetune.${one}`);

/** The run of a trial; what probes it with pairs is one of its own. */
export function runOf(trial: Trial, probe: Probe = 'category'): Run {
  const { model, objectives, seed, text, point } = trial;
  const parts = [
    ...[model, objectives, ...(text ? ['text'] : []), OBJECTIVES[objectives - 1] ?? 'none'],
    ...(point ? [`${point.axis}${point.value}`] : []),
    `seed${seed}`,
  ];
  const name = parts.join('-');
  if (probe === 'similarity') return { name: `${name}-pairs`, stages: ['finetune'] };
  const stages: StageName[] = objectives === 0 ? ['finetune'] : ['pretrain', 'finetune'];
  return { name, stages: readsItself(trial) ? ['text', ...stages] : stages };
}

/** A text side of another width reads the corpus itself. */
function readsItself({ text, point }: Trial): boolean {
  return text === true && point?.axis === 'width';
}

/** The vocabulary of the base once more, for the whole corpus, of which the base has read a part. */
const CORPUS: Run = { name: 'base-corpus', stages: ['vocab'] };

/** Where a share of the whole corpus is read, which all seeds go on from; the vocabulary comes before it. */
function corpusRuns({ text, point }: Trial): readonly Run[] {
  if (text !== true || point?.axis !== 'corpus') return [];
  return [CORPUS, { name: `${CORPUS.name}${point.value}`, stages: ['text'] }];
}

/** The run whose text side a trial starts from, if it does. */
export function textRunOf(trial: Trial): Run | undefined {
  if (!trial.text) return undefined;
  const { name } = readsItself(trial) ? runOf(trial) : (corpusRuns(trial).at(-1) ?? BASE);
  return { name, stages: ['text'] };
}

/** All runs of a trial, with those of their stages that the ladder asks for. */
export function runsOf(trial: Trial, probes: readonly Probe[] = WHOLE.probes): Run[] {
  const { name, stages } = runOf(trial);
  const own = stages.filter((stage) => stage !== 'finetune' || probes.includes('category'));
  return [
    ...(own.length > 0 ? [{ name, stages: own }] : []),
    ...(probes.includes('similarity') ? [runOf(trial, 'similarity')] : []),
  ];
}

/** All stages: the base's, then those of the trials, whose runs stand in a folder. */
export function stageTasks(trials: readonly Trial[], runs: string, ladder: Ladder = WHOLE): StageTask[] {
  const { corpus, probes } = ladder;
  const data = [...ladder.data, ...(corpus ? corpusSettings(corpus) : [])];
  const base = tasksOf(BASE, configPath('base.yaml'), data, []);
  const last = base.slice(-1).map(({ name }) => name);
  const reader = trials.find((trial) => textRunOf(trial)?.name === BASE.name);
  const read = reader ? textTasks({ ...BASE, stages: ['text'] }, [...(reader.set ?? []), ...data], last) : [];
  const tasks = [
    ...[...base, ...read],
    ...trials.flatMap((trial) => {
      const start = [...data, ...startOf(trial, runs, corpus !== undefined)];
      const set = [...settingsOf(trial), ...start];
      const { name } = runOf(trial);
      const text = textRunOf(trial);
      const needs = text === undefined || text.name === name ? last : [`${text.name} text`];
      const own = runsOf(trial, probes).flatMap((run) => {
        if (!run.stages.includes('finetune') || run.name === name) return tasksOf(run, configOf(trial), set, needs);
        const from = trial.objectives === 0 ? [] : [`finetune.init=${join(runs, name, 'pretrain', 'checkpoints')}`];
        const after = trial.objectives === 0 ? needs : [`${name} pretrain`];
        return tasksOf(run, configOf(trial), [...set, ...PAIRS, ...from], after);
      });
      return [...corpusTasks(trial, [...(trial.set ?? []), ...start], last), ...own];
    }),
  ];
  return [...new Map(tasks.map((task) => [task.name, task])).values()]; // seeds share what reads a corpus
}

/** What a trial starts from, and the runs that it reads stages of where it has none. */
function startOf(trial: Trial, runs: string, hasCorpus: boolean): readonly string[] {
  const { text, point } = trial;
  if (!text) return hasCorpus ? ['corpus.start=false'] : [];
  const own = corpusRuns(trial);
  if (own.length === 0) return AFTER_TEXT;
  return [
    ...AFTER_TEXT,
    ...[`vocab.folder=${join(runs, BASE.name, 'vocab')}`, 'corpus.splits=[corpus]'],
    ...['corpus.train.epochs=1', `corpus.train.share=${point!.value}`],
    basesOf([BASE, ...own]),
  ];
}

/** The last is read first. */
function basesOf(runs: readonly Run[]): string {
  const names = runs.map(({ name }) => name).reverse();
  return `run.base=[${names.join(', ')}]`;
}

function corpusTasks(trial: Trial, set: readonly string[], last: readonly string[]): StageTask[] {
  return corpusRuns(trial).flatMap((run, i, all) =>
    textTasks(run, [...set, basesOf([BASE, ...all.slice(0, i)])], i === 0 ? last : [`${all[i - 1].name} vocab`]),
  );
}

/** What both models share: their text sides are the same. */
function textTasks(run: Run, set: readonly string[], needs: readonly string[]): StageTask[] {
  return tasksOf(run, configPath('objectives/single.yaml'), set, needs);
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
export function settingsOf({ objectives, seed, text, set = [] }: Trial): string[] {
  const dropped = OBJECTIVES.slice(Math.max(1, objectives)).map((name) => `tasks.${name}=null`);
  return [
    `run.base=${BASE.name}`,
    `seed=${seed}`,
    ...dropped,
    ...(objectives === 0 ? [`finetune.init=${text ? 'text' : 'none'}`] : []),
    ...set,
  ];
}

function configPath(name: string): string {
  return fileURLToPath(new URL(join('../../configs', name), import.meta.url));
}
