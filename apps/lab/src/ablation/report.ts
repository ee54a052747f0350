import { markdownTable } from '@wbdc/report';
import { counted, formatCount, formatSeconds } from '@wbdc/report/format';
import { panelOf } from '../objectives/chart.js';
import type { Axis } from '../objectives/plan.js';
import { bestOf, changeText, machineOf } from '../objectives/report.js';
import { AXIS_TITLES } from './chart.js';
import type { AblationCurve, AblationResults, AblationRow } from './results.js';

/** The report as Markdown, with what somebody has noted about the numbers; a chart for each axis stands beside it. */
export function ablationReport(results: AblationResults, notes?: string): string {
  const { curves, done, planned, command, seconds, environment } = results;
  const axes = [...new Set(curves.map(({ axis }) => axis))];
  const parts = [
    '# What decides what pretraining gives',
    [
      `Made by \`${command}\`, which repeats it; only what stands under "What it shows" is written by hand.`,
      '',
      'One thing at a time is other than in the middle, which all axes share: the share of the videos that',
      'pretraining learns from (with so many more epochs that the steps stay the same), its epochs, and the width of',
      'the model. The gain is that of the same finetuning from what was pretrained over fresh weights, seed by seed,',
      'with its standard error; beside it stands what pretraining itself has learned, on held-out videos, and what',
      'ignoring the input reaches.',
      ...(axes.includes('corpus')
        ? [
            '',
            'By share of the corpus no video is seen before finetuning: the text side reads so much of all definitions',
            'once, and is finetuned; `..., 8 times` is the text that everything else here starts from. What it learned',
            'is measured on definitions that it has not read: masked words, and a word and its definition among 64.',
          ]
        : []),
    ].join('\n'),
    ...(done < planned ? [`**Unfinished**: ${done} of ${planned} probes.`] : []),
    ...axes.flatMap((axis) => [
      `## By ${AXIS_TITLES[axis]}`,
      `![Gain by ${AXIS_TITLES[axis]}](ablation-${axis}.svg)`,
      ...curves.filter((curve) => curve.axis === axis).flatMap(curveParts),
    ]),
    ...(notes === undefined ? [] : ['## What it shows', notes.trim()]),
    '## How it was measured',
    `${counted(done, 'probe')} in ${formatSeconds(seconds)} for all stages, data and vision tower included, on ` +
      `${machineOf(environment)}. A seed ` +
      'decides weights, order, masks, dropout and which videos a share takes. All numbers are in ' +
      '[ablation.json](ablation.json).',
  ];
  return `${parts.join('\n\n')}\n`;
}

function curveParts(curve: AblationCurve): string[] {
  const { axis, rows, beside, baselines } = curve;
  const learned = Object.keys(rows[0].pretraining?.heldOut ?? {});
  const reached = axis === 'corpus' ? 'general text' : 'pretrained';
  const head = [AXIS_TITLES[axis], 'no pretraining', reached, 'gain', 'steps', 'parameters', ...learned];
  const best = bestOf(baselines);
  return [
    `### ${panelOf(curve)}`,
    markdownTable({
      head,
      rows: [
        ...rows.map((row) => cells(String(row.value), row, learned)),
        ...(beside ? [cells(beside.name, beside, learned)] : []),
        ignoring(rows, learned),
      ],
    }).trim(),
    ...(best ? [`What needs no model reaches ${best[1].toFixed(4)} (${best[0]}).`] : []),
  ];
}

function cells(
  name: string,
  { none, pretrained, gain, pretraining }: AblationRow,
  learned: readonly string[],
): string[] {
  return [
    name,
    ...[none, pretrained].map((reached) => reached.toFixed(4)),
    changeText(gain),
    ...(pretraining ? [String(pretraining.steps), formatCount(pretraining.parameters)] : ['', '']),
    ...learned.map((name) => pretraining?.heldOut[name]?.reached.toFixed(3) ?? ''),
  ];
}

function ignoring(rows: readonly AblationRow[], learned: readonly string[]): string[] {
  const { heldOut = {} } = rows.at(-1)!.pretraining ?? {}; // of all videos, where the share is varied
  return ['ignoring the input', '', '', '', '', '', ...learned.map((name) => heldOut[name].baseline.toFixed(3))];
}

/** The lines of the console. */
export function ablationLines({ curves }: Pick<AblationResults, 'curves'>): string[] {
  const width = Math.max(...(Object.keys(AXIS_TITLES) as Axis[]).map((axis) => AXIS_TITLES[axis].length));
  return curves.flatMap(({ model, measure, axis, rows, beside }) =>
    [...rows.map((row) => ({ ...row, name: String(row.value) })), ...(beside ? [beside] : [])].map(
      ({ name, pretrained, gain }) =>
        `${model.padEnd(6)} ${measure.padEnd(8)} ${AXIS_TITLES[axis].padEnd(width)} ${name.padEnd(6)} ` +
        `${pretrained.toFixed(4)}  ${changeText(gain)}`,
    ),
  );
}
