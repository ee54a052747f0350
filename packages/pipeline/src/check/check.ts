import { totalmem } from 'node:os';
import { disposeTree, randomKey } from '@wbdc/nn';
import { adamW } from '@wbdc/train';
import { counted, formatBytes, formatCount, formatNumber, formatSeconds } from '@wbdc/report/format';
import type { Expectation } from './expected.js';
import { measure, measureGradients, startLosses, type Gradients, type Measured } from './measure.js';
import { cutDown, overfit, type OverfitResult } from './overfit.js';
import type { CheckJob, CheckSettings, DataSizes } from './settings.js';
import { countValues, subjectOf, type Subject } from './subject.js';

type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json | undefined };

/** Something that was checked. */
export interface CheckItem {
  readonly name: 'parameters' | 'passes' | 'start' | 'gradients' | 'overfit' | 'memory' | 'time';
  /** `told`: a fact that cannot be wrong. */
  readonly status: 'ok' | 'failed' | 'told';
  readonly about: string;
  readonly details: { readonly [key: string]: Json | undefined };
}

export interface CheckRequest {
  readonly job: CheckJob;
  readonly settings: CheckSettings;
  readonly sizes: DataSizes;
  /** Draws weights and examples. Default 1. */
  readonly seed?: number;
  /** Tries it at a small size alone: tells in seconds whether settings go together, and nothing of memory and time. */
  readonly small?: boolean;
  /** Examples to train on, where that is known: without it no time for the whole job. */
  readonly examples?: number | undefined;
}

const START_EXAMPLES = 8;
const SHARE_OF_MEMORY = 0.9;

/**
 * Tries a training on synthetic examples of the sizes of its settings before hours are spent: counts parameters,
 * compares the losses at the start with those of ignorance, sees that gradients reach every trained parameter and that
 * 8 samples can be learned by heart (at a small size), and estimates memory and time. The recipe is the one that
 * trainings run.
 */
export async function* check(request: CheckRequest): AsyncGenerator<CheckItem> {
  const { job, settings, sizes, seed = 1, small = false, examples } = request;
  const tried = small ? cutDown(job, settings, sizes) : { small: settings, data: sizes };
  const subject = subjectOf(job, tried.small, tried.data, randomKey(seed));
  try {
    yield countParameters(subject);
    if (subject.passes) yield passesItem(subject.passes);
    const started = await startLosses(subject, START_EXAMPLES);
    yield compareStart(started.expected, started.losses);
    const averages = subject.averages ? { averageDecay: 0.999 } : {};
    const optimizer = adamW(subject.params, { ...subject.rules, ...averages });
    const measured = small ? undefined : await measure(subject, optimizer);
    const gradients = measured?.gradients ?? (await measureGradients(subject, optimizer));
    optimizer.dispose();
    yield gradientItem(gradients);
    if (measured) {
      yield memoryItem(measured, subject, job);
      yield timeItem(measured, subject, examples);
    }
  } finally {
    disposeTree(subject.params);
  }
  yield overfitItem(await overfit(job, settings, sizes));
}

function countParameters({ about, components }: Subject): CheckItem {
  const byComponent = Object.entries(components).map(([name, tree]): [string, number] => [name, countValues(tree)]);
  const total = byComponent.reduce((sum, [, count]) => sum + count, 0);
  const list = byComponent.map(([name, count]) => `${name} ${formatCount(count)}`).join(', ');
  const details = { total, ...Object.fromEntries(byComponent) };
  return { name: 'parameters', status: 'told', about: `${about}, ${formatCount(total)}: ${list}`, details };
}

function passesItem({ count, about }: NonNullable<Subject['passes']>): CheckItem {
  const text = `${counted(count, 'encoder pass', 'encoder passes')} a step: ${about}`;
  return { name: 'passes', status: 'told', about: text, details: { encoderPasses: count } };
}

function compareStart(expected: readonly Expectation[], measured: ReadonlyMap<string, number>): CheckItem {
  const rows = expected.map(({ metric, start, tolerance, about }) => {
    const got = measured.get(metric)!;
    const ok =
      Number.isFinite(got) && (start === undefined || Math.abs(got - start) <= Math.max(0.1, tolerance * start));
    const wanted = start === undefined ? `(${about})` : `expected ${formatNumber(start)} (${about})`;
    return { metric, expected: start, measured: got, ok, text: `${metric} ${formatNumber(got)}, ${wanted}` };
  });
  return {
    name: 'start',
    status: rows.every(({ ok }) => ok) ? 'ok' : 'failed',
    about: rows.map(({ text, ok }) => (ok ? text : `${text}: NOT NEAR`)).join('\n'),
    details: {
      losses: rows.map(({ metric, expected: wanted, measured: got, ok }) => ({
        metric,
        expected: wanted,
        measured: got,
        ok,
      })),
    },
  };
}

function gradientItem({ trained, unreached }: Gradients): CheckItem {
  const missing = `${unreached.slice(0, 5).join(', ')}${unreached.length > 5 ? `, ... (${unreached.length})` : ''}`;
  const advice = 'no task reads them: freeze them with a rule of train.rules (frozen: true), or add a task that does';
  return {
    name: 'gradients',
    status: unreached.length === 0 ? 'ok' : 'failed',
    about: unreached.length === 0 ? `reach all ${trained} trained tensors` : `do not reach ${missing}: ${advice}`,
    details: { trained, unreached },
  };
}

function memoryItem({ memory, timed }: Measured, { noun, settings: { batchSize } }: Subject, job: CheckJob): CheckItem {
  const section = job === 'pretrain' ? 'train' : job;
  const advice =
    `; take a smaller ${section}.batchSize and raise ${section}.accumulate` +
    (job === 'clip' ? '' : ', or set model.recompute=true');
  const there = totalmem();
  const fits = memory.total <= SHARE_OF_MEMORY * there;
  const parts = (['weights', 'gradients', 'optimizer', 'activations'] as const)
    .map((part) => `${part} ${formatBytes(memory[part])}`)
    .join(', ');
  return {
    name: 'memory',
    status: fits ? 'ok' : 'failed',
    about:
      `about ${formatBytes(memory.total)} of ${formatBytes(there)} for a batch of ${batchSize} ` +
      `(from ${timed.join(' and ')} ${noun}s): ${parts}` +
      (fits ? '' : advice),
    details: { ...memory, available: there },
  };
}

function timeItem({ secondsPerStep, timed }: Measured, { noun, settings }: Subject, examples?: number): CheckItem {
  const { batchSize, epochs, stopAfter, accumulate } = settings;
  const done = stopAfter ?? epochs;
  const batches = examples === undefined ? undefined : done * Math.max(1, Math.floor(examples / batchSize));
  const seconds = batches === undefined ? undefined : batches * secondsPerStep;
  const whole =
    batches === undefined
      ? 'of the whole job nothing is known without the number of examples'
      : `${formatSeconds(seconds!)} for ${counted(batches, 'batch', 'batches')} of ${counted(examples!, noun)}`;
  return {
    name: 'time',
    status: 'told',
    about:
      `about ${formatSeconds(secondsPerStep)} a batch of ${batchSize} at full length ` +
      `(from ${timed.join(' and ')} ${noun}s); ${whole}`,
    details: { secondsPerBatch: secondsPerStep, batches, seconds, steps: batches && Math.floor(batches / accumulate) },
  };
}

function overfitItem({ steps, samples, cut, tasks }: OverfitResult): CheckItem {
  const rows = tasks.map(({ metric, from, to, ok }) => {
    return `${metric} ${formatNumber(from)} -> ${formatNumber(to)}${ok ? '' : ': HARDLY FALLS'}`;
  });
  const sizes = cut.length === 0 ? '' : ` (cut down to ${cut.join(', ')})`;
  return {
    name: 'overfit',
    status: tasks.every(({ ok }) => ok) ? 'ok' : 'failed',
    about: [`${samples} samples in ${steps} steps${sizes}`, ...rows].join('\n'),
    details: { steps, samples, cut, losses: tasks.map((task) => ({ ...task })) },
  };
}
