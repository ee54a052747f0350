import { counted, formatCount, formatSeconds } from '@wbdc/report/format';
import { panelOf } from './chart.js';
import type { Change, Measure, ModelResults, ObjectivesResults, Reached } from './results.js';

/** The report as Markdown, with what somebody has noted about the numbers; `objectives.svg` stands beside it. */
export function objectivesReport(results: ObjectivesResults, notes?: string): string {
  const parts = [
    '# What each objective adds',
    introduction(results),
    ...(results.done < results.planned ? [`**Unfinished**: ${results.done} of ${results.planned} trials.`] : []),
    '![The probe by objectives](objectives.svg)',
    ...results.models.flatMap(modelParts),
    ...(notes === undefined ? [] : ['## What it shows', notes.trim()]),
    '## How it was measured',
    measured(results),
    '## Published',
    PUBLISHED,
  ];
  return `${parts.join('\n\n')}\n`;
}

const PROBED: Readonly<Record<Measure, string>> = {
  score: 'categories, measured by the score of WBDC 2022 (mean of four F1) on held-out videos',
  spearman: 'similarity, measured by the Spearman correlation on pairs of held-out videos',
};

function introduction({ models, command = 'npx nx run runner:objectives' }: ObjectivesResults): string {
  const probes = [...new Set(models.map(({ measure }) => PROBED[measure]))];
  const labels = models.flatMap(({ rows }) => rows.map(({ label }) => label));
  const read = labels.includes('general text');
  return [
    `Made by \`${command}\`, which repeats it; only what stands under "What it shows" is written by hand.`,
    '',
    'Models are pretrained with one objective more at a time. Each pretraining is probed by the same finetuning for',
    `${probes.join(', and for ')}.`,
    '`no pretraining` is that finetuning from fresh weights. A change compares with the row above, seed by seed; it ' +
      'is called',
    'up or down where its mean is more than twice its standard error.',
    ...(read
      ? [
          '`general text` is finetuned from a text side that has read a corpus of definitions, and no video; what',
          'follows is pretrained from there, at a tenth of the rate of the rest; `without general text` is the last',
          'once more from fresh weights, at one rate. All share a vocabulary.',
        ]
      : []),
  ].join('\n');
}

const PUBLISHED = [
  'QQ Browser AIAC 2021, rank 1, BERT-large with a million videos, validation Spearman: tag 0.8786, + mlm 0.8812, ' +
    '+ mfm',
  '0.8858. WBDC 2022, rank 8, gives no such table for ftm, ftc and mmm.',
].join('\n');

function modelParts({ model, measure, rows, baselines, settings }: ModelResults): string[] {
  const seeds = [...new Set(rows.flatMap((row) => row.seeds.map(({ seed }) => seed)))].sort((a, b) => a - b);
  const head = [
    'objectives',
    'mean',
    'deviation',
    ...seeds.map((seed) => `seed ${seed}`),
    'change',
    'against none',
    'passes a step',
    'parameters',
    'pretraining',
    'published',
  ];
  const without = Object.entries(baselines).map(([name, value]) => {
    return [`no model: ${name}`, digits(value), ...head.slice(2).map(() => '')];
  });
  const lines = [head, head.map(() => '---'), ...rows.map((row) => cells(row, seeds)), ...without];
  return [
    `## ${panelOf({ model, measure })}`,
    lines.map((line) => `| ${line.join(' | ')} |`).join('\n'),
    rows.flatMap((row) => [...(verdict(row) ?? []), ...(belowLine(row, baselines) ?? [])]).join('\n'),
    ...learnedParts(rows),
    `Settings: ${sizesOf(settings)}.`,
  ];
}

function cells(
  { label, seeds, mean, spread, change, overall, pretraining, published }: Reached,
  all: readonly number[],
): string[] {
  const values = all.map((wanted) => {
    const found = seeds.find(({ seed }) => seed === wanted);
    return found ? digits(found.value) : '';
  });
  return [
    label,
    digits(mean),
    spread === undefined ? '' : digits(spread),
    ...values,
    changeText(change),
    changeText(overall),
    ...(pretraining
      ? [
          String(pretraining.encoderPasses ?? ''),
          formatCount(pretraining.parameters),
          formatSeconds(pretraining.seconds),
        ]
      : ['', '', '']),
    published ? digits(published.spearman) : '',
  ];
}

/** What the pretrainings reached in their own objectives. */
function learnedParts(rows: readonly Reached[]): string[] {
  const pretrained = rows.flatMap(({ label, pretraining }) => (pretraining ? [{ label, ...pretraining }] : []));
  const last = pretrained.at(-1);
  if (!last) return [];
  const metrics = Object.keys(last.heldOut);
  const lines = [
    ['objectives', ...metrics],
    ['---', ...metrics.map(() => '---')],
    ...pretrained.map(({ label, heldOut }) => [label, ...metrics.map((name) => share(heldOut[name]?.reached))]),
    ['ignoring the input', ...metrics.map((name) => share(last.heldOut[name].baseline))],
  ];
  return [
    'Held out, at the end of the pretraining itself, mean of the seeds:',
    lines.map((line) => `| ${line.join(' | ')} |`).join('\n'),
  ];
}

const share = (value: number | undefined): string => (value === undefined ? '' : value.toFixed(3));
const digits = (value: number): string => value.toFixed(4);
const signed = (value: number): string => `${value < 0 ? '-' : '+'}${digits(Math.abs(value))}`;

/** `+0.0123 ± 0.0045`, or nothing where there is none. */
export function changeText(change: Change | undefined): string {
  if (change === undefined) return '';
  return change.error === undefined ? signed(change.mean) : `${signed(change.mean)} ± ${digits(change.error)}`;
}

/** The name and the value of the strongest baseline, where there is one. */
export function bestOf(baselines: ModelResults['baselines']): readonly [string, number] | undefined {
  return Object.entries(baselines).reduce<readonly [string, number] | undefined>(
    (most, one) => (most === undefined || one[1] > most[1] ? one : most),
    undefined,
  );
}

/** Said of whatever needs no model to be reached. */
function belowLine({ label, mean }: Reached, baselines: ModelResults['baselines']): string[] | undefined {
  const best = bestOf(baselines);
  if (best === undefined || mean > best[1]) return undefined;
  return [`- ${label}: BELOW what needs no model (${best[0]}: ${digits(best[1])})`];
}

function verdict({ label, change, published }: Reached): string[] | undefined {
  if (change === undefined) return undefined;
  const theirs = published?.change === undefined ? '' : `; published ${signed(published.change)}, up`;
  return [`- ${label}: ${direction(change)} (${changeText(change)})${theirs}`];
}

function direction({ mean, error }: Change): string {
  if (error === undefined) return 'one seed, no judgement';
  if (Math.abs(mean) <= 2 * error) return 'no change beyond the noise';
  return mean > 0 ? 'up' : 'down';
}

function sizesOf({ pretrain, finetune }: ModelResults['settings']): string {
  const numbers = (of: unknown, names: readonly string[]): string =>
    names.map((name) => `${name} ${String((of as Readonly<Record<string, unknown>>)[name])}`).join(', ');
  const loop = ['batchSize', 'epochs', 'learningRate', 'schedule', 'warmup'] as const;
  const model = numbers(finetune['model'], ['width', 'layers', 'heads']);
  const before = pretrain ? `; pretraining ${numbers(pretrain['train'], loop)}` : '';
  return `${model}${before}; finetuning ${numbers(finetune['finetune'], [...loop, 'pooling'])}`;
}

/** What computed, in one line. */
export function machineOf(environment: ObjectivesResults['environment']): string {
  return ['engine', 'node', 'cpu', 'platform'].flatMap((name) => environment[name] ?? []).join(', ');
}

function measured({ environment, seconds, done }: ObjectivesResults): string {
  return [
    `${counted(done, 'trial')} in ${formatSeconds(seconds)} for all stages, data and vision tower included, on ` +
      `${machineOf(environment)}.`,
    'A seed decides weights, order, masks and dropout, in pretraining and finetuning; data, vision tower and pairs ' +
      'are the',
    'same for all. Every pretraining takes the same number of steps, so more objectives also take more time. All ' +
      'numbers',
    'are in [objectives.json](objectives.json).',
  ].join('\n');
}
