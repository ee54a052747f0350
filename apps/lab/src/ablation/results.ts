import { meanAndSpread } from '@wbdc/metrics';
import type { CorpusSettings } from '@wbdc/pipeline/settings';
import { counted } from '@wbdc/report/format';
import { AXES, type Axis, type Ladder, type ModelName, type Run } from '../objectives/plan.js';
import {
  changeOf,
  pretrainingOf,
  readOutcome,
  type Change,
  type Measure,
  type Outcome,
  type Pretraining,
} from '../objectives/results.js';
import { ablationTrials, pointsOf, type Ablation } from './plan.js';

/** All that the command has measured. */
export interface AblationResults {
  /** By model, probe and axis. */
  readonly curves: readonly AblationCurve[];
  /** Probes that are done, and all that were asked for. */
  readonly done: number;
  readonly planned: number;
  /** What makes the same again. */
  readonly command: string;
  readonly environment: Readonly<Record<string, string>>;
  /** Of all stages together, also those of earlier attempts. */
  readonly seconds: number;
}

export interface AblationCurve {
  readonly model: ModelName;
  readonly measure: Measure;
  readonly axis: Axis;
  /** In the order of the axis. */
  readonly rows: readonly AblationRow[];
  /** What is no point of the axis: the text that the others start from, beside shares of the whole corpus. */
  readonly beside?: AblationRow & { readonly name: string };
  /** What needs no model reaches on the same videos, by name. */
  readonly baselines: Readonly<Record<string, number>>;
}

/** What one value of an axis reached. */
export interface AblationRow {
  readonly value: number;
  /** `pretrained`: of the corpus, general text alone. */
  readonly seeds: readonly { readonly seed: number; readonly none: number; readonly pretrained: number }[];
  readonly none: number;
  readonly pretrained: number;
  /** Of pretraining, seed by seed. */
  readonly gain: Change;
  /** What comes before the probe: of the corpus, the reading of it. */
  readonly pretraining?: Pretraining;
}

/** Which trials. */
export interface AblationQuestion extends Pick<Ladder, 'upTo' | 'start' | 'probes'> {
  readonly models: readonly ModelName[];
  readonly seeds: number;
  readonly ablation: Ablation;
}

/** Gathers what is done of runs that stand: a point counts with the seeds of which both of its probes are there. */
export async function gatherAblation(
  root: string,
  question: AblationQuestion,
  stands: (run: Run) => boolean,
): Promise<Pick<AblationResults, 'curves' | 'done' | 'planned' | 'environment'>> {
  const { models, seeds, ablation, probes } = question;
  const trials = ablationTrials(models, seeds, ablation, question);
  const asked = probes.flatMap((probe) => trials.map((trial) => ({ trial, probe })));
  const read = await Promise.all(asked.map(({ trial, probe }) => readOutcome(root, trial, probe, stands)));
  const outcomes = read.filter((outcome) => outcome !== undefined);
  const measures = [...new Set(outcomes.map(({ measure }) => measure))];
  const curves = models.flatMap((model) =>
    measures.flatMap((measure) =>
      AXES.filter((axis) => ablation.axes.includes(axis)).flatMap((axis) => {
        const own = outcomes.filter((outcome) => outcome.trial.model === model && outcome.measure === measure);
        const rows = rowsOf(own, axis, ablation);
        if (rows.length === 0) return [];
        return [{ model, measure, axis, rows, ...(axis === 'corpus' && besideOf(own)), baselines: own[0].baselines }];
      }),
    ),
  );
  const environment = outcomes.at(-1)?.finetune.environment ?? {};
  return { curves, done: outcomes.length, planned: asked.length, environment };
}

/** The points of an axis by value, with the middle among them where it is a point of it. */
function rowsOf(outcomes: readonly Outcome[], axis: Axis, ablation: Ablation): AblationRow[] {
  const middle = { share: [1], epochs: [ablation.epochs], width: [ablation.width], corpus: [] }[axis];
  const points = pointsOf({ ...ablation, axes: [axis] }).map(({ value }) => value);
  const of = axis === 'corpus' ? isRead : isPretrained;
  return [...middle, ...points]
    .sort((a, b) => a - b)
    .flatMap((value) => {
      const at = outcomes.filter(({ trial: { point } }) =>
        value === middle[0] ? point === undefined : point?.axis === axis && point.value === value,
      );
      // Where finetuning is the same, what it reaches from fresh weights is that of the middle.
      const fresh = at.filter(isFresh);
      return rowOf(value, at.filter(of), fresh.length > 0 ? fresh : middleOf(outcomes, isFresh));
    });
}

/** The text that the other axes start from, as a row of the corpus. */
function besideOf(outcomes: readonly Outcome[]): Pick<AblationCurve, 'beside'> {
  const read = middleOf(outcomes, isRead);
  const [row] = rowOf(1, read, middleOf(outcomes, isFresh));
  const corpus = read[0]?.text?.settings['corpus'] as CorpusSettings | undefined;
  if (row === undefined || corpus === undefined) return {};
  return { beside: { ...row, name: `${corpus.splits.join(', ')}, ${counted(corpus.train.epochs, 'time')}` } };
}

const isFresh = ({ trial: { objectives, text } }: Outcome): boolean => objectives === 0 && !text;
const isRead = ({ trial: { objectives, text } }: Outcome): boolean => objectives === 0 && text === true;
const isPretrained = ({ trial: { objectives } }: Outcome): boolean => objectives > 0;

function middleOf(outcomes: readonly Outcome[], which: (outcome: Outcome) => boolean): Outcome[] {
  return outcomes.filter((outcome) => outcome.trial.point === undefined && which(outcome));
}

function rowOf(value: number, reached: readonly Outcome[], none: readonly Outcome[]): AblationRow[] {
  const seeds = reached.flatMap(({ trial: { seed }, value: pretrained }) =>
    none.filter(({ trial }) => trial.seed === seed).map((other) => ({ seed, none: other.value, pretrained })),
  );
  if (seeds.length === 0) return [];
  const before = reached.flatMap(({ trial, pretrain, text }) => (trial.objectives > 0 ? pretrain : text) ?? []);
  return [
    {
      ...{ value, seeds },
      none: meanAndSpread(seeds.map((one) => one.none)).mean,
      pretrained: meanAndSpread(seeds.map((one) => one.pretrained)).mean,
      gain: changeOf(seeds.map((one) => one.pretrained - one.none)),
      ...pretrainingOf(before),
    },
  ];
}
