import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { cpus, totalmem } from 'node:os';
import { join } from 'node:path';
import type { Comparison, Measured } from './compare.js';
import type { Options } from './options.js';
import { ROOT } from './python.js';
import { digits, gigabytes, median } from './statistics.js';
import { formatTable } from './table.js';

export interface Report {
  /** Of the bench: `train`. */
  readonly name: string;
  /** One sentence: what a step is. */
  readonly work: string;
  readonly comparison: Comparison;
  /** Units of work in a step, and their name: 16 videos. */
  readonly amount: number;
  readonly unit: string;
  /** Names of contenders that the others are divided by, one column each; those that did not run are left out. */
  readonly baselines: readonly string[];
  readonly notes: readonly string[];
  /** What the last column says of a step's result; default its loss. */
  readonly result?: string;
  /** Further tables. */
  readonly more?: readonly string[];
  /** Further numbers for `--json`. */
  readonly data?: object;
}

/** Prints a report, and saves it where that was asked for. */
export function publish(report: Report, options: Options): void {
  const { comparison, data, work } = report;
  const text = formatReport(report);
  console.log(options.json ? JSON.stringify({ work, machine: machine(), ...comparison, ...data }, null, 2) : text);
  if (options.save) saveSection(join(ROOT, 'bench', 'results.md'), sectionOf(report.name, options), text);
}

/** Other sizes have sections of their own. */
function sectionOf(name: string, options: Options): string {
  const flags = (['small', 'large', 'recompute'] as const).filter((flag) => options[flag]);
  const sizes = Object.entries(options.sizes).map((size) => size.join(' '));
  return [name, ...[...flags, ...sizes].map((option) => `--${option}`)].join(' ');
}

function formatReport(report: Report): string {
  const { comparison, work, notes, more = [] } = report;
  const skipped = Object.entries(comparison.skipped).map(([name, why]) => `- not run: ${name}: ${firstLine(why)}`);
  const about = comparison.measured.map(({ name, about }) => `- ${name}: ${about}`);
  const told = [...about, ...notes.map((note) => `- ${note}`), ...skipped].join('\n');
  const rounds = [...new Set(comparison.measured.map(({ seconds }) => seconds.length))].sort((a, b) => a - b);
  const head = `${work} ${rounds.join(' to ')} measured steps each, in turn.\n${machine()}`;
  return [head, comparisonTable(report), told, ...more].join('\n\n');
}

function comparisonTable({ comparison: { measured }, amount, unit, baselines, result = 'last loss' }: Report): string {
  const found = baselines.flatMap((name) => measured.find((row) => row.name === name) ?? []);
  const losses = measured.some(({ loss }) => loss !== undefined);
  const header = [
    'contender',
    'median s',
    `${unit}/s`,
    'peak RSS',
    ...found.map(({ name }) => `time / ${name}`),
    ...(losses ? [result] : []),
  ];
  const row = (of: Measured): string[] => [
    of.name,
    digits(median(of.seconds)),
    digits(amount / median(of.seconds)),
    gigabytes(of.peakRss),
    ...found.map(({ toReference }) => digits(of.toReference / toReference)),
    ...(losses ? [of.loss === undefined ? '-' : digits(of.loss)] : []),
  ];
  return formatTable(header, measured.map(row));
}

export function machine(): string {
  const [{ model }] = cpus();
  const when = new Date().toISOString().slice(0, 16).replace('T', ' ');
  return (
    `${when} UTC, ${cpus().length} x ${model.trim()}, ${gigabytes(totalmem())}, Node ${process.version}, ` +
    `${versions()}.`
  );
}

function versions(): string {
  const require = createRequire(import.meta.url);
  const version = (name: string): string => (require(`${name}/package.json`) as { version: string }).version;
  return ['@tensorflow/tfjs', 'onnxruntime-node'].map((name) => `${name} ${version(name)}`).join(', ');
}

/** Puts a bench's text in place of what it said before. */
export function saveSection(path: string, name: string, text: string): void {
  const intro = '# Results\n\nWritten by the benches themselves (`--save`); see README.md for what is compared.\n';
  const before = existsSync(path) ? readFileSync(path, 'utf8') : intro;
  const [head, ...sections] = before.split(/^(?=## )/m);
  const others = sections.filter((section) => !section.startsWith(`## ${name}\n`));
  const all = [...others.map((section) => section.trim()), `## ${name}\n\n${text}`].sort();
  writeFileSync(path, `${[head.trim(), ...all].join('\n\n')}\n`);
}

/** Without a stack, which would name folders of this machine. */
function firstLine(text: string): string {
  return text.split('\n')[0].replace(/ at \S+ \(.*$/, '');
}
