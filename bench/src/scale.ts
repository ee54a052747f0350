/**
 * What several ranks cost and give: 1 rank x 2 threads against 2 ranks x 1 thread at base size, 1 to 8 ranks at small
 * size, and from that a model on paper of many machines. Writes bench/scale.md.
 */
import { writeFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { fileURLToPath } from 'node:url';
import type { RankMemory, RankStep } from './contenders/rank.js';
import { runAsRanks } from './mpirun.js';
import { recipeOf, type Recipe } from './recipe.js';

interface Measured {
  readonly ranks: number;
  readonly threads: number;
  readonly parameters: number;
  readonly steps: readonly RankStep[];
  readonly memory: RankMemory;
}

const CHILD = fileURLToPath(new URL('contenders/rank.js', import.meta.url));
/** Measured steps of a run at base size, and how often each setting has its turn. */
const [rounds, turns] = [Number(process.argv[2] ?? 3), Number(process.argv[3] ?? 2)];

/** What is measured: ranks, threads of each, and what travels: `fp32`, `bf16`, or `zero` for divided moments. */
type Setting = readonly [ranks: number, threads: number, kind?: 'fp32' | 'bf16' | 'zero'];

async function measure(recipe: Recipe, [ranks, threads, kind = 'fp32']: Setting): Promise<Measured> {
  const travels = { gradientDtype: kind === 'bf16' ? 'bf16' : 'fp32', zero: kind === 'zero' };
  const stdout = await runAsRanks(ranks, CHILD, { ...recipe, threads, ...travels });
  const line = stdout.split('\n').find((text) => text.startsWith('{'))!;
  const measured = { ranks, threads, ...(JSON.parse(line) as Pick<Measured, 'parameters' | 'steps' | 'memory'>) };
  process.stderr.write(`${ranks} x ${threads}: ${median(measured, 'seconds').toFixed(3)} s a step\n`);
  return measured;
}

function median({ steps }: Measured, of: keyof RankStep): number {
  const values = steps.map((step) => step[of]).sort((a, b) => a - b);
  return values[values.length >> 1];
}

/** Rows of a Markdown table. */
function table(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const line = (cells: readonly (string | number)[]): string => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---:')), ...rows.map(line)].join('\n');
}

/** In turn, so that whatever else the machine does falls on all. */
async function inTurn(recipe: Recipe, settings: readonly Setting[]): Promise<Measured[]> {
  const all = settings.map((): Measured[] => []);
  for (let turn = 0; turn < turns; turn++) {
    for (const [i, setting] of settings.entries()) all[i].push(await measure(recipe, setting));
  }
  return all.map((of) => ({ ...of[0], steps: of.flatMap(({ steps }) => steps) }));
}

function measuredTable(all: readonly Measured[], names: readonly string[]): string {
  const [first] = all;
  return table(
    ['ranks x threads', 'step, s', 'against the first', 'in collectives, s', 'hidden', 'MB handed over'],
    all.map((one, i) => [
      names[i],
      median(one, 'seconds').toFixed(3),
      (median(first, 'seconds') / median(one, 'seconds')).toFixed(2),
      median(one, 'collectiveSeconds').toFixed(3),
      hidden(one),
      (median(one, 'collectiveBytes') / 1e6).toFixed(1),
    ]),
  );
}

/** Share of the time from the first gradients sent to the last ones back in which this thread did something else. */
function hidden(one: Measured): string {
  const travel = median(one, 'travelSeconds');
  return travel === 0 ? '' : `${Math.round(100 * (1 - median(one, 'shownSeconds') / travel))} %`;
}

/** Of a rank, whose moments are divided or not. */
function memoryTable(all: readonly Measured[], names: readonly string[]): string {
  const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(1);
  return table(
    ['ranks x threads', 'parameters, MB', 'moments, MB', 'largest resident set, MB'],
    all.map(({ memory }, i) => [
      names[i],
      megabytes(memory.parameterBytes),
      megabytes(memory.momentBytes),
      (memory.residentBytes / 1e6).toFixed(0),
    ]),
  );
}

/**
 * Share of a step that is computing, where each of n machines computes `compute` seconds and then adds up `bytes` in a
 * ring: each sends 2 (n - 1) / n of them, in 2 (n - 1) messages a bucket that wait for one another.
 */
function efficiency(compute: number, bytes: number, nodes: number, gigabits: number): number {
  const transfer = (2 * (nodes - 1) * bytes) / nodes / (gigabits * 1.25e8);
  const latency = Math.ceil(bytes / BUCKET) * 2 * (nodes - 1) * LATENCY;
  return compute / (compute + transfer + latency + PACKING * bytes);
}

/** Of @wbdc/train, and seconds of a message on Ethernet. */
const [BUCKET, LATENCY] = [16 * 2 ** 20, 20e-6];

/** Seconds a byte to gather gradients into buckets, with one core: a copy at about 4 GB/s. */
const PACKING = 1 / 4e9;

const options = { small: false, large: false, recompute: false, sizes: {}, rounds, threads: 1 } as const;
const base = recipeOf({ ...options, sizes: { batch: 8 } });
const small = recipeOf({ ...options, small: true, sizes: { batch: 16 }, rounds: 4 * rounds });
const atSmall = await inTurn(small, [
  [1, 1],
  [2, 1],
  [4, 1],
  [8, 1],
  [2, 1, 'bf16'],
  [4, 1, 'zero'],
]);
const atBase = await inTurn(base, [
  [1, 2],
  [2, 1],
  [2, 1, 'bf16'],
  [2, 1, 'zero'],
]);
const [{ parameters }] = atBase;

/** Seconds of a step of 16 videos at base size on two quiet cores: `ort` in bench/results.md. */
const QUIET = { seconds: 5.56, videos: 16 };

const ONE_RUN = `
One run each: other work on the machine may be in a single line, so a line that is far off says nothing of its setting.
`;

const nodes = [8, 64, 512];
const paper = (seconds: number, bytes: number): string =>
  table(
    ['network', ...nodes.map((n) => `${n} nodes`)],
    [10, 25, 100].map((gigabits) => [
      `${gigabits} Gbit/s`,
      ...nodes.map((n) => efficiency(seconds, bytes, n, gigabits).toFixed(2)),
    ]),
  );
const ratio = median(atBase[0], 'seconds') / median(atBase[1], 'seconds');

const BASE_NAMES = ['1 x 2', '2 x 1', '2 x 1, bf16', '2 x 1, ZeRO'];
const SMALL_NAMES = ['1 x 1', '2 x 1', '4 x 1', '8 x 1', '2 x 1, bf16', '4 x 1, ZeRO'];

writeFileSync(
  fileURLToPath(new URL('../scale.md', import.meta.url)),
  `# Several ranks

Written by \`npx nx run bench:scale\` on ${cpus().length} cores (${cpus()[0].model.trim()}), Open MPI.
Each line is the median of ${atBase[0].steps.length} steps at base size, ${atSmall[0].steps.length} at small size, of
${turns === 1 ? 'one run' : `${turns} runs`} each, in turn. Processes that wanted a core when it ended (load
average): ${loadavg()[1].toFixed(1)}.
Above the number of cores other work was measured too: a rank then waits in every collective until the others are given
a core.
${turns === 1 ? ONE_RUN : ''}
## Base size

${(parameters / 1e6).toFixed(0)} million parameters, ${base.batch} videos a step, whatever the ranks.

${measuredTable(atBase, BASE_NAMES)}

Efficiency of 2 ranks x 1 thread: **${ratio.toFixed(2)}** of 1 rank x 2 threads (goal: 0.9).

## Small size

${(atSmall[0].parameters / 1e6).toFixed(1)} million parameters, ${small.batch} videos a step. More ranks than cores
share them: there no gain can be.

${measuredTable(atSmall, SMALL_NAMES)}

"In collectives" contains the waiting for the slowest rank, which is most of it where ranks share cores. "Hidden" is the
share of the time between the first gradients that are sent and the last ones that come back in which the rank computes:
they leave while the backward pass goes on.

## Memory of a rank

Moments are divided with \`--zero 1\` (ZeRO, stage 1). Base size:

${memoryTable(atBase, BASE_NAMES)}

Small size:

${memoryTable(atSmall, SMALL_NAMES)}

## Many machines, on paper

A ring adds up B bytes on n machines in 2 (n - 1) / n B / bandwidth, plus 2 (n - 1) messages of ${LATENCY * 1e6} us
for each bucket of 16 MiB, plus packing. Nothing counts as hidden behind the backward pass, though gradients of the last
layers travel while those of the first are computed: how much that hides depends on the network, so these are lower
bounds. Each node has ${QUIET.videos} videos of the batch, which so grows with the nodes, and needs
${QUIET.seconds} s for them, as two quiet cores do ([results.md](results.md)): share of a step that computes.

float32 (${((4 * parameters) / 1e6).toFixed(0)} MB):

${paper(QUIET.seconds, 4 * parameters)}

bfloat16 (\`--gradient-dtype bf16\`):

${paper(QUIET.seconds, 2 * parameters)}

Nodes eight times as fast, bfloat16:

${paper(QUIET.seconds / 8, 2 * parameters)}

Where it stops: transfer does not grow with n, so slow networks cost the same at 8 and 512 nodes; latency grows with n
and is what ends it at 512. A batch that stays 128 has 16 videos a node on 8 nodes and 2 on 64, where the cost is eight
times the share. Faster nodes want faster networks in proportion, or more videos a node: the cost is one of the step,
not of the video, so twice the batch halves it.
`,
);
