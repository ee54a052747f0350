import type { RunOptions, TrainingStart } from '@wbdc/pipeline/node';
import { waitingSink, type Sink } from '@wbdc/train';
import { counted, formatCount, formatNumber } from '@wbdc/report/format';
import type { Output } from './output.js';
import { createProgress, progressSink, type Progress } from './progress.js';

/** How a training is watched. */
export type Watching = Required<Pick<RunOptions, 'observer' | 'sinks'>>;

/** Calls a training that shows on the terminal how it goes; its progress bar does not outlast the call. */
export async function observedTraining<T>(output: Output, work: (watching: Watching) => Promise<T>): Promise<T> {
  let waiting = waitingSink(); // of the training that runs: a call may train one model after another
  let progress: Progress | undefined;
  let shown: Sink | undefined;
  let startStep = 0;
  const observer: Watching['observer'] = {
    onMessage: (line) => output.say(line),
    onWarning: output.onWarning,
    onStart: (start) => {
      output.say(startLine(start));
      startStep = start.startStep;
      waiting = waitingSink();
      progress = createProgress(output, 'steps');
      shown = progressSink(progress, start.steps);
    },
    onStepsEnd: ({ step }) => {
      progress?.stop();
      if (step > startStep) output.say(`waited for data ${formatNumber(100 * waiting.share())} % of the time`);
    },
  };
  const sinks: Sink[] = [{ write: (record) => shown?.write(record) }, { write: (record) => waiting.write(record) }];
  try {
    return await work({ observer, sinks });
  } finally {
    progress?.stop();
  }
}

function startLine({ parameters, examples, noun, batchSize, steps, scheduleSteps, startStep }: TrainingStart): string {
  return (
    `training ${formatCount(parameters)} parameters on ${counted(examples, noun)}, ` +
    `${counted(steps, 'step')} of ${batchSize}` +
    (steps < scheduleSteps ? ` (the schedule is of ${scheduleSteps})` : '') +
    (startStep > 0 ? `, going on after step ${startStep}` : '')
  );
}
