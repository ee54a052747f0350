import { totalmem } from 'node:os';
import { disposeTree, flatten, foldIn, randomKey, type ParamTree } from '@wbdc/nn';
import { pretraining } from '@wbdc/pretrain-tasks';
import { adamW } from '@wbdc/train';
import type { Config } from '../config/schema.js';
import { counted, formatBytes, formatCount, formatNumber, formatSeconds } from '../format.js';
import { describeViews, encoderOf, planOf, viewsOf } from '../stages/model.js';
import type { Json } from '../stage.js';
import { definedOnly } from '../stages/video-set.js';
import { expectedLosses } from './expected.js';
import { measure, startLosses, type Gradients, type Measured } from './measure.js';
import { overfit, type OverfitResult } from './overfit.js';
import { syntheticBatch, syntheticTokenizer } from './synthetic.js';

export interface CheckItem {
  readonly name: 'parameters' | 'passes' | 'start' | 'gradients' | 'overfit' | 'memory' | 'time';
  /** `told`: a fact that cannot be wrong. */
  readonly status: 'ok' | 'failed' | 'told';
  readonly about: string;
  readonly details: { readonly [key: string]: Json | undefined };
}

export interface CheckRequest {
  readonly config: Config;
  /** Videos to train on, where that is known: without it no time for the whole job. */
  readonly videos?: number | undefined;
}

const START_VIDEOS = 8;
const SHARE_OF_MEMORY = 0.9;

/** Builds the model and the plan of a configuration and tries them on made-up videos of the configured sizes. */
export function* check({ config, videos }: CheckRequest): Generator<CheckItem> {
  const sizes = {
    vocabSize: config.vocab.size,
    frameSize: config.clip.vision.width,
    tagCount: config.tasks.tag?.count ?? 0,
  };
  const tokenizer = syntheticTokenizer(sizes.vocabSize);
  const model = pretraining(
    encoderOf(config, sizes.vocabSize, sizes.frameSize),
    planOf(config, tokenizer, sizes.tagCount),
  );
  const batchOf = (count: number) => syntheticBatch(config, tokenizer, { ...sizes, videos: count }, randomKey(0));
  const params = model.init(foldIn(randomKey(config.seed), 'init'));
  try {
    yield countParameters(config, { ...params });
    yield passes(config, model.encoderPasses);
    const started = startLosses(model, params, batchOf(START_VIDEOS), randomKey(0));
    yield compareStart(expectedLosses(config, started.views, sizes), started.losses);
    const { learningRate, rules } = config.train;
    const optimizer = adamW(params, { learningRate, rules: rules.map(definedOnly) });
    const measured = measure(model, params, optimizer, batchOf, config.train.batchSize);
    optimizer.dispose();
    yield gradientItem(measured.gradients);
    yield memoryItem(measured, config.train.batchSize);
    yield timeItem(measured, config, videos);
  } finally {
    disposeTree(params);
  }
  yield overfitItem(overfit(config, sizes));
}

function countParameters(
  { model }: Config,
  { encoder, heads }: { encoder: ParamTree; heads: Readonly<Record<string, ParamTree>> },
): CheckItem {
  const size = (tree: ParamTree): number => flatten(tree).reduce((sum, { leaf }) => sum + leaf.size, 0);
  const byPart: [string, number][] = [
    ['encoder', size(encoder)],
    ...Object.entries(heads).map(([name, head]): [string, number] => [name, size(head)]),
  ];
  const total = byPart.reduce((sum, [, count]) => sum + count, 0);
  const parts = byPart.map(([name, count]) => `${name} ${formatCount(count)}`).join(', ');
  const details = { total, ...Object.fromEntries(byPart) };
  return { name: 'parameters', status: 'told', about: `${model.kind}, ${formatCount(total)}: ${parts}`, details };
}

function passes(config: Config, count: number): CheckItem {
  const views = viewsOf(config);
  const about = `${counted(count, 'encoder pass', 'encoder passes')} a step: ${describeViews(views)}`;
  return { name: 'passes', status: 'told', about, details: { encoderPasses: count } };
}

function compareStart(expected: ReturnType<typeof expectedLosses>, measured: ReadonlyMap<string, number>): CheckItem {
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

function memoryItem({ memory, timedVideos }: Measured, batchSize: number): CheckItem {
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
      `(from ${timedVideos.join(' and ')} videos): ${parts}` +
      (fits ? '' : '; take a smaller train.batchSize and raise train.accumulate'),
    details: { ...memory, available: there },
  };
}

function timeItem({ secondsPerStep, timedVideos }: Measured, { train }: Config, videos?: number): CheckItem {
  const { batchSize, epochs, accumulate } = train;
  const batches = videos === undefined ? undefined : epochs * Math.max(1, Math.floor(videos / batchSize));
  const seconds = batches === undefined ? undefined : batches * secondsPerStep;
  const whole =
    batches === undefined
      ? 'for the whole job give --videos'
      : `${formatSeconds(seconds!)} for ${counted(batches, 'batch', 'batches')} of ${counted(videos!, 'video')}`;
  return {
    name: 'time',
    status: 'told',
    about: `about ${formatSeconds(secondsPerStep)} a batch of ${batchSize} at full length (from ${timedVideos.join(' and ')} videos); ${whole}`,
    details: { secondsPerBatch: secondsPerStep, batches, seconds, steps: batches && Math.floor(batches / accumulate) },
  };
}

function overfitItem({ steps, videos, cut, tasks }: OverfitResult): CheckItem {
  const rows = tasks.map(({ metric, from, to, ok }) => {
    return `${metric} ${formatNumber(from)} -> ${formatNumber(to)}${ok ? '' : ': HARDLY FALLS'}`;
  });
  const sizes = cut.length === 0 ? '' : ` (cut down to ${cut.join(', ')})`;
  return {
    name: 'overfit',
    status: tasks.every(({ ok }) => ok) ? 'ok' : 'failed',
    about: [`${videos} samples in ${steps} steps${sizes}`, ...rows].join('\n'),
    details: { steps, videos, cut, losses: tasks.map((task) => ({ ...task })) },
  };
}
