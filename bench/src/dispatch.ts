/**
 * What a dispatch costs the processor: a pretraining step of the base recipe on Dawn's null device, which computes
 * nothing, so that all that is measured is JavaScript and Dawn. It needs no GPU and no driver. Widths and batch are
 * small, for that device has little memory; layers, operations and lengths are those of the recipe. Ends with 1 where a
 * goal is missed.
 */
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { NotHere, Peer, type Contender, type StepReply } from './peer.js';
import { nodePeer, ROOT } from './python.js';
import { narrow, recipeOf } from './recipe.js';
import { machine, saveSection } from './report.js';
import { digits, median } from './statistics.js';
import { formatTable } from './table.js';

/** Of different lengths. */
const BATCHES = 6;
/** For the compiler of JavaScript and for caches, in seconds of the processor: a clock's say little beside others. */
const WARM_UP = 10;

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '10' },
    only: { type: 'string', default: '' },
    save: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) {
  console.log(`--rounds n   measured rounds of ${BATCHES} batches each (10), after ${WARM_UP} s of CPU that warm up
--only a,b   some contenders: webgpu, tfjs-webgpu, plain tfjs, dawn
--save       write the table into bench/results.md`);
  process.exit(0);
}
const rounds = Number(values.rounds);
if (!(rounds >= 1)) throw new RangeError(`--rounds: expected a number from 1, got '${values.rounds}'`);

/** Goals of a step of 12 layers: dispatches, and microseconds of the processor for each. */
const [MOST, DEAREST] = [900, 30];
const OURS = 'webgpu';

const base = recipeOf({ small: false, large: false, recompute: false, sizes: {}, threads: 1, rounds: BATCHES - 1 });
const settings = JSON.stringify(narrow(base));
const contenders: readonly Contender[] = [
  nodePeer('uni-model.js', OURS, ['train', 'webgpu null', settings]),
  nodePeer('dawn.js', 'dawn', ['745']),
  nodePeer('uni-model.js', 'tfjs-webgpu', ['train', 'webgpu plain null', settings]),
  nodePeer('plain-tfjs.js', 'plain tfjs', ['webgpu plain null', settings]),
];

interface Row {
  readonly name: string;
  readonly about: string;
  /** Of a step. */
  readonly dispatches: number;
  /** Of the processor, for a dispatch: the median over the rounds, of all batches. */
  readonly microseconds: number;
  /** The cheapest round's: whatever else runs on a machine only adds. */
  readonly least: number;
  /** The same of each round, and what {@link fixedLoop} took beside it. */
  readonly each: readonly number[];
  readonly beside: readonly number[];
  /** By the clock. */
  readonly elapsed: number;
}

/**
 * A fixed piece of JavaScript as a host's work is, objects that come and go and are found by numbers: milliseconds of
 * the processor. What it takes longer than at its quickest, others on the machine cost it: their use of the caches
 * counts as a process's own time.
 */
function fixedLoop(): number {
  const start = process.cpuUsage();
  const found = new Map<number, { readonly at: number }>();
  let sum = 0;
  for (let i = 0; i < 200_000; i++) {
    found.set(i % 20_011, { at: i });
    sum += found.get((i * 7919) % 20_011)?.at ?? 0;
  }
  if (Number.isNaN(sum)) throw new Error('expected a number');
  const { user, system } = process.cpuUsage(start);
  return (user + system) / 1000;
}

/** Of all contenders' rounds. */
const loops: number[] = [];

/** One after another: none has another's noise, and the collector and the compiler of each have a processor. */
async function measure(contender: Contender): Promise<Row> {
  const peer = await Peer.start(contender);
  try {
    const replies: StepReply[][] = [];
    let spent = 0;
    for (let left = rounds; left > 0;) {
      const round: StepReply[] = [];
      for (let i = 0; i < BATCHES; i++) round.push(await peer.step(i));
      replies.push(round);
      loops.push(fixedLoop());
      if (spent > WARM_UP && replies.length > 2) left--;
      for (const { cpuSeconds } of round) spent += cpuSeconds!;
    }
    const [before, measured] = [replies.at(-1 - rounds)!, replies.slice(-rounds)];
    const dispatches = measured.at(-1)!.at(-1)!.dispatches! - before.at(-1)!.dispatches!;
    const each = (of: (reply: StepReply) => number): number[] =>
      measured.map((round) => round.reduce((sum, reply) => sum + of(reply), 0) * (rounds / dispatches) * 1e6);
    const cpu = each(({ cpuSeconds }) => cpuSeconds!);
    return {
      ...{ name: peer.name, about: peer.introduction.about, dispatches: Math.round(dispatches / rounds / BATCHES) },
      microseconds: median(cpu),
      least: Math.min(...cpu),
      ...{ each: cpu, beside: loops.slice(-rounds) },
      elapsed: median(each(({ seconds }) => seconds)),
    };
  } finally {
    await peer.stop();
  }
}

const rows: Row[] = [];
const skipped: string[] = [];
for (const contender of contenders) {
  if (values.only && !values.only.split(',').includes(contender.name)) continue;
  process.stderr.write(`${contender.name}\n`);
  try {
    rows.push(await measure(contender));
  } catch (error) {
    if (!(error instanceof NotHere)) throw error;
    skipped.push(`- not run: ${contender.name}: ${error.message}`);
  }
}
const header = [
  'contender',
  'dispatches',
  'us of CPU each',
  'least',
  'calm',
  'us by the clock',
  'ms of CPU a step',
  '/ webgpu',
];
const ours = rows.find(({ name }) => name === OURS);
/** Where the loop takes what it took at its quickest. */
const calmOf = ({ each, beside }: Row): number => median(each.map((us, i) => (us * Math.min(...loops)) / beside[i]));
const stepOf = ({ dispatches, microseconds }: Row): number => (dispatches * microseconds) / 1000;
const table = formatTable(
  header,
  rows.map((row) => [
    ...[row.name, String(row.dispatches), digits(row.microseconds), digits(row.least), digits(calmOf(row))],
    ...[digits(row.elapsed), digits(stepOf(row))],
    ours ? digits(stepOf(row) / stepOf(ours)) : '-',
  ]),
);
const told = [...rows.map(({ name, about }) => `- ${name}: ${about}`), ...skipped];
const work =
  `A training step of ${base.layers} layers (mlm + mfm + tag, dropout, clipping, AdamW; small batch and widths) on ` +
  `Dawn's null device. Medians of ${rounds} rounds of ${BATCHES} batches, after ${WARM_UP} s of CPU of them; ` +
  'CPU of all threads.';
const took = (milliseconds: number): string => `${digits(milliseconds)} ms`;
const calm =
  `Calm: times ${took(Math.min(...loops))}, what a fixed loop in JavaScript took at its quickest, over what it took ` +
  `beside each round (median ${took(median(loops))}), so that others on the machine count for less.`;
const text = `${work}\n${calm}\n${machine()}\n\n${table}\n\n${told.join('\n')}`;
console.log(text);
if (values.save) saveSection(join(ROOT, 'bench', 'results.md'), 'dispatch', text);
if (ours && (ours.dispatches > MOST || Math.min(ours.microseconds, calmOf(ours)) >= DEAREST)) {
  console.error(`expected at most ${MOST} dispatches, under ${DEAREST} us of the processor each`);
  process.exitCode = 1;
}
