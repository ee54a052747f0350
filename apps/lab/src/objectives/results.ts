import { join } from 'node:path';
import { gatherMeasured, meanAndSpread } from '@wbdc/metrics';
import { RunFolder, type StageRecord } from '@wbdc/runner';
import { labelOf, OBJECTIVES, runOf, textRunOf, type ModelName, type Probe, type Run, type Trial } from './plan.js';

/** All that the command has measured. */
export interface ObjectivesResults {
  /** By model and probe. */
  readonly models: readonly ModelResults[];
  /** Probes that are done, and all that were asked for. */
  readonly done: number;
  readonly planned: number;
  /** What makes the same again. */
  readonly command?: string;
  /** Engine, versions, machine. */
  readonly environment: Readonly<Record<string, string>>;
  /** Of all stages together, also those of earlier attempts. */
  readonly seconds: number;
}

/**
 * `score`: the mean of the four F1 of WBDC 2022, after finetuning for categories; `spearman` after that for similarity.
 */
export type Measure = 'score' | 'spearman';

export interface ModelResults {
  readonly model: ModelName;
  /** What the probe measures on held-out videos. */
  readonly measure: Measure;
  /** By number of objectives. */
  readonly rows: readonly Reached[];
  /** What needs no model reaches on the same videos, by name. */
  readonly baselines: Readonly<Record<string, number>>;
  /** Of the pretraining with all objectives that are done, and of the probe. */
  readonly settings: { readonly pretrain?: StageRecord['settings']; readonly finetune: StageRecord['settings'] };
}

/** What a number of objectives reached with the seeds that are done. */
export interface Reached {
  readonly label: string;
  readonly seeds: readonly { readonly seed: number; readonly value: number }[];
  readonly mean: number;
  /** Standard deviation over the seeds; nothing for one seed. */
  readonly spread?: number;
  /** Against the row before with the same seeds. */
  readonly change?: Change;
  /** Against no pretraining with the same seeds. */
  readonly overall?: Change;
  readonly pretraining?: Pretraining;
  /** Validation Spearman of QQ Browser AIAC 2021 at full size. */
  readonly published?: { readonly spearman: number; readonly change?: number };
}

export interface Change {
  readonly mean: number;
  /** Standard error of the mean of the differences by seed; nothing for one seed. */
  readonly error?: number;
}

export interface Pretraining {
  /** Of a text side that reads a corpus it is not said. */
  readonly encoderPasses?: number;
  /** Heads included. */
  readonly parameters: number;
  readonly steps: number;
  /** Means over the seeds. */
  readonly seconds: number;
  /** Held-out accuracies of its objectives, `tag/mAP` and so on, and what ignoring the input reaches. */
  readonly heldOut: Readonly<Record<string, HeldOut>>;
}

interface HeldOut {
  readonly reached: number;
  readonly baseline: number;
}

const PUBLISHED: Readonly<Record<number, number>> = { 1: 0.8786, 2: 0.8812, 3: 0.8858 };

/** What a trial reached by a probe. */
export interface Outcome {
  readonly trial: Trial;
  readonly measure: Measure;
  readonly value: number;
  readonly baselines: Readonly<Record<string, number>>;
  readonly finetune: StageRecord;
  readonly pretrain: StageRecord | undefined;
  /** The reading of the corpus that it starts from. */
  readonly text: StageRecord | undefined;
}

/** Gathers the probes that are done, of runs that stand. */
export async function gatherResults(
  root: string,
  trials: readonly Trial[],
  probes: readonly Probe[],
  stands: (run: Run) => boolean = () => true,
): Promise<Omit<ObjectivesResults, 'seconds'>> {
  const asked = probes.flatMap((probe) => trials.map((trial) => ({ trial, probe })));
  const read = await Promise.all(asked.map(({ trial, probe }) => readOutcome(root, trial, probe, stands)));
  const outcomes = read.filter((outcome) => outcome !== undefined);
  const nameOf = ({ trial, measure }: Outcome): string => `${measure} ${trial.model}`;
  const groups = [...new Set(outcomes.map(nameOf))];
  return {
    models: groups.map((name) => modelResults(outcomes.filter((outcome) => nameOf(outcome) === name))),
    done: outcomes.length,
    planned: asked.length,
    environment: outcomes.at(-1)?.finetune.environment ?? {},
  };
}

/** Reads a probe that is done; undefined where it is not, or a run of it does not stand. */
export async function readOutcome(
  root: string,
  trial: Trial,
  probe: Probe,
  stands: (run: Run) => boolean,
): Promise<Outcome | undefined> {
  const runs = [runOf(trial), runOf(trial, probe)];
  if (!runs.every(stands)) return undefined;
  const [pretrained, probed] = runs.map(({ name }) => new RunFolder(join(root, name), name));
  const finetune = await probed.record('finetune');
  if (finetune?.status !== 'complete') return undefined;
  const { kind } = finetune.settings['finetune'] as { kind: 'category' | 'similarity' };
  const measure = kind === 'category' ? 'score' : 'spearman';
  const measured = gatherMeasured(finetune.summary['measured'] as Readonly<Record<string, number>>)[measure];
  const { value, baseline, baselines = baseline === undefined ? {} : { baseline } } = measured;
  const from = textRunOf(trial)?.name;
  const text = from === undefined ? undefined : await new RunFolder(join(root, from), from).record('text');
  return { trial, measure, value, baselines, finetune, pretrain: await pretrained.record('pretrain'), text };
}

/** One model and probe: no pretraining, one objective more at a time, and the last without general text. */
function modelResults(outcomes: readonly Outcome[]): ModelResults {
  const { trial, measure } = outcomes[0];
  const of = (count: number, text: boolean): Outcome[] =>
    outcomes.filter(({ trial }) => trial.objectives === count && Boolean(trial.text) === text);
  const counts = OBJECTIVES.map((_, i) => i + 1);
  const read = outcomes.some(({ trial }) => trial.text);
  const fresh = of(0, false);
  const groups = [
    ...[fresh, of(0, true)],
    ...counts.map((count) => of(count, read)),
    ...(read ? counts.map((count) => of(count, false)) : []),
  ].filter((own) => own.length > 0);
  const last = outcomes.reduce((most, one) => (one.trial.objectives > most.trial.objectives ? one : most));
  return {
    ...{ model: trial.model, measure },
    rows: groups.map((own, i) => rowOf(own, groups[i - 1] ?? [], fresh, read)),
    baselines: last.baselines,
    settings: {
      ...(last.pretrain && { pretrain: last.pretrain.settings }),
      finetune: last.finetune.settings,
    },
  };
}

function rowOf(own: readonly Outcome[], before: readonly Outcome[], fresh: readonly Outcome[], read: boolean): Reached {
  const { objectives, text } = own[0].trial;
  const contrast = read && !text && objectives > 0;
  const from = before[0]?.trial.objectives;
  const { mean, spread } = meanAndSpread(own.map(({ value }) => value));
  const [changes, whole] = [before, fresh].map((others) =>
    own.flatMap(({ trial: { seed }, value }) =>
      others.filter(({ trial }) => trial.seed === seed).map((other) => value - other.value),
    ),
  );
  return {
    label: contrast ? 'without general text' : labelOf(objectives, text, from),
    seeds: own.map(({ trial: { seed }, value }) => ({ seed, value })),
    mean,
    ...(spread !== undefined && { spread }),
    ...(changes.length > 0 && { change: changeOf(changes) }),
    ...((objectives > 0 || text) && whole.length > 0 && { overall: changeOf(whole) }),
    ...pretrainingOf(own.flatMap(({ pretrain }) => pretrain ?? [])),
    ...(contrast ? {} : publishedOf(objectives, from)),
  };
}

/** Mean and standard error of differences. */
export function changeOf(differences: readonly number[]): Change {
  const { mean, spread } = meanAndSpread(differences);
  return { mean, ...(spread !== undefined && { error: spread / Math.sqrt(differences.length) }) };
}

/** What trainings of a kind were and learned, by their records. */
export function pretrainingOf(records: readonly StageRecord[]): { pretraining?: Pretraining } {
  if (records.length === 0) return {};
  const value = (key: string): number => Number(records[0].summary[key]);
  const passes = 'encoder passes' in records[0].summary && { encoderPasses: value('encoder passes') };
  const { mean: seconds } = meanAndSpread(records.map((record) => record.seconds));
  const heldOut = heldOutOf(records.map(({ summary }) => summary['measured'] as Readonly<Record<string, number>>));
  const sizes = { ...passes, parameters: value('parameters'), steps: value('step') };
  return { pretraining: { ...sizes, seconds, heldOut } };
}

/** Means over the seeds of all metrics that have a baseline. */
function heldOutOf(seeds: readonly Readonly<Record<string, number>>[]): Pretraining['heldOut'] {
  const mean = (metric: string): number => meanAndSpread(seeds.map((measured) => measured[metric])).mean;
  const metrics = Object.keys(seeds[0]).filter((metric) => `${metric} baseline` in seeds[0]);
  return Object.fromEntries(
    metrics.map((metric) => [metric, { reached: mean(metric), baseline: mean(`${metric} baseline`) }]),
  );
}

/** The published step is one objective; of several no change is given. */
function publishedOf(objectives: number, from: number | undefined): Pick<Reached, 'published'> {
  const [spearman, before] = [PUBLISHED[objectives], from === objectives - 1 ? PUBLISHED[from] : undefined];
  if (spearman === undefined) return {};
  return { published: { spearman, ...(before !== undefined && { change: spearman - before }) } };
}
