import { totalmem } from 'node:os';
import { disposeTree, randomKey } from '@wbdc/nn';
import { adamW } from '@wbdc/train';
import type { Config } from '../config/schema.js';
import { counted, formatBytes, formatCount, formatNumber, formatSeconds } from '../format.js';
import type { Json } from '../stage.js';
import type { Expectation } from './expected.js';
import type { CheckJob } from './jobs.js';
import { measure, startLosses, type Gradients, type Measured } from './measure.js';
import { overfit, type OverfitResult } from './overfit.js';
import { countValues, subjectOf, type Subject } from './subject.js';

export interface CheckItem {
  readonly name: 'parameters' | 'passes' | 'start' | 'gradients' | 'overfit' | 'memory' | 'time';
  /** `told`: a fact that cannot be wrong. */
  readonly status: 'ok' | 'failed' | 'told';
  readonly about: string;
  readonly details: { readonly [key: string]: Json | undefined };
}

export interface CheckRequest {
  readonly job: CheckJob;
  readonly config: Config;
  /** Examples to train on, where that is known: without it no time for the whole job. */
  readonly examples?: number | undefined;
}

const START_EXAMPLES = 8;
const SHARE_OF_MEMORY = 0.9;
/** Of WBDC 2022; the data decide it. */
const CLASSES = 200;
/** Of the records of AIAC 2021, and of a published CLIP's projection. */
const [AIAC_FRAMES, PROJECTION] = [1536, 512];

/** Builds what a job of a configuration would train and tries it on made-up examples of the configured sizes. */
export function* check({ job, config, examples }: CheckRequest): Generator<CheckItem> {
  const sizes = {
    vocabSize: config.vocab.size,
    frameSize: frameSizeOf(config),
    tagCount: config.tasks.tag?.count ?? 0,
    classes: CLASSES,
  };
  const subject = subjectOf(job, config, sizes, randomKey(config.seed));
  try {
    yield countParameters(subject);
    if (subject.passes) yield passesItem(subject.passes);
    const started = startLosses(subject, START_EXAMPLES);
    yield compareStart(started.expected, started.losses);
    const averages = subject.averages ? { averageDecay: 0.999 } : {};
    const optimizer = adamW(subject.params, { ...subject.rules, ...averages });
    const measured = measure(subject, optimizer);
    optimizer.dispose();
    yield gradientItem(measured.gradients);
    yield memoryItem(measured, subject, job);
    yield timeItem(measured, subject, examples);
  } finally {
    disposeTree(subject.params);
  }
  yield overfitItem(overfit(job, config, sizes));
}

/** Dv */
function frameSizeOf({ data, features, clip }: Config): number {
  if (data.layout === 'aiac') return AIAC_FRAMES;
  return features.output === 'projected' ? PROJECTION : clip.vision.width;
}

function countParameters({ about, parts }: Subject): CheckItem {
  const byPart = Object.entries(parts).map(([name, part]): [string, number] => [name, countValues(part)]);
  const total = byPart.reduce((sum, [, count]) => sum + count, 0);
  const list = byPart.map(([name, count]) => `${name} ${formatCount(count)}`).join(', ');
  const details = { total, ...Object.fromEntries(byPart) };
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
  const { batchSize, epochs, accumulate } = settings;
  const batches = examples === undefined ? undefined : epochs * Math.max(1, Math.floor(examples / batchSize));
  const seconds = batches === undefined ? undefined : batches * secondsPerStep;
  const whole =
    batches === undefined
      ? 'for the whole job give --videos'
      : `${formatSeconds(seconds!)} for ${counted(batches, 'batch', 'batches')} of ${counted(examples!, noun)}`;
  return {
    name: 'time',
    status: 'told',
    about: `about ${formatSeconds(secondsPerStep)} a batch of ${batchSize} at full length (from ${timed.join(' and ')} ${noun}s); ${whole}`,
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
