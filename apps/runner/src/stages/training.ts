import { flattenMeasured } from '@wbdc/metrics';
import type { Measurement, RunOptions, TrainingResult } from '@wbdc/pipeline/node';
import { besideText } from '@wbdc/report/progress';
import { formatNumber } from '@wbdc/report/format';
import type { Artifact, JsonObject, StageContext, StageResult } from '../run/stage.js';
import { observedTraining } from '../core/training-display.js';

/** How a training ended, in the words of a stage's result. */
export type Trained = Omit<StageResult, 'read'>;

/** What a training leaves besides its checkpoints. */
export type Conclusion = Pick<Trained, 'made' | 'summary'>;

/** Calls a training of the library in a stage's folder, and shows how it goes. */
export function runInStage<T>(context: StageContext, work: (run: RunOptions) => Promise<T>): Promise<T> {
  const { config, folder, resume, signal, output, ranks } = context;
  const run = { seed: config.seed, folder, resume, signal, ...ranks, scaleLoss: config.precision === 'fp16' };
  return observedTraining(output, (shown) => work({ ...run, ...shown }));
}

/** The result of a training in the words of a stage's. */
export function trainedOf<M extends Measurement>(
  { status, step, checkpoints, metrics, measurement, averaged }: TrainingResult<M, unknown>,
  conclusion: Conclusion = { made: [], summary: {} },
): Trained {
  const made: Artifact[] = [
    { path: checkpoints, about: `weights, optimizer and position after step ${step}` },
    { path: metrics, about: 'losses and measurements by step' },
  ];
  if (measurement === undefined) return { status, made, summary: { step } };
  const best = averaged && {
    path: averaged.folder,
    about: `weights of the best measurements of ${averaged.metric}`,
  };
  return {
    status,
    made: [...made, ...(best ? [best] : []), ...conclusion.made],
    summary: {
      step,
      ...(averaged && averagedSummary(averaged, measurement)),
      ...summaryOf(measurement),
      ...conclusion.summary,
    },
  };
}

function averagedSummary(
  { steps, metric }: NonNullable<TrainingResult<Measurement>['averaged']>,
  { measured }: Measurement,
): JsonObject {
  const list = steps.map(({ step, score }) => `${step} (${formatNumber(score)})`).join(', ');
  const mean = formatNumber(measured[metric]?.value ?? NaN);
  return { 'mean of the weights after steps': `${list}: ${metric} ${mean}` };
}

function summaryOf({ measured }: Measurement): JsonObject {
  const lines = Object.entries(measured).map(([name, one]) => [`held-out ${name}`, besideText(name, one)]);
  return { ...Object.fromEntries(lines), measured: flattenMeasured(measured) };
}
