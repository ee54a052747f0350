/**
 * How time, memory and bytes grow with the number of videos, stage by stage: each in a process of its own, printed and
 * kept in bench/growth.json as soon as it is measured; `--resume` goes on. `--save` writes tables and charts:
 * bench/growth.md, growth-time.svg, growth-memory.svg.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, statfs, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { scalingChart } from '@wbdc/report';
import type { GrowthWork, StageName } from './contenders/growth.js';
import { ABOUT, pathsOf } from './growth-data.js';
import { growthOf, IDS_AND_OFFSETS, type GrowthPoint } from './growth-fit.js';
import { ROOT } from './python.js';
import { machine } from './report.js';
import { digits } from './statistics.js';
import { formatTable } from './table.js';

const HELP = `--sizes a,b      numbers of videos (1000,10000,100000); 1000000 takes about half an hour and 4 GB of disk
--only a,b       some of the stages
--folder path    where the data are made, and deleted again (the system's folder for temporary files)
--resume         keeps what bench/growth.json has, and goes on
--save           writes bench/growth.md and its two charts`;

/** Stages in their order, with what they read and how long they take on two cores, per 1,000 videos. */
const STAGES: Readonly<Record<StageName, { readonly needs: readonly StageName[]; readonly estimate: number }>> = {
  annotations: { needs: [], estimate: 0.05 },
  check: { needs: ['annotations'], estimate: 0.06 },
  vocabulary: { needs: ['annotations'], estimate: 0.3 },
  'store written': { needs: [], estimate: 0.1 },
  'store opened': { needs: ['store written'], estimate: 0.01 },
  'store read': { needs: ['store written'], estimate: 0.15 },
  'data set opened': { needs: ['annotations', 'store written'], estimate: 0.2 },
  'batches planned': { needs: ['annotations', 'store written'], estimate: 0.2 },
  'batches read': { needs: ['annotations', 'store written'], estimate: 0.4 },
  pairs: { needs: ['annotations', 'store written'], estimate: 0.3 },
  folds: { needs: ['annotations', 'store written'], estimate: 0.3 },
  'index filled': { needs: [], estimate: 0.5 },
  'index asked': { needs: ['index filled'], estimate: 0.01 },
  'like pictures': { needs: [], estimate: 0.03 },
};
const NAMES = Object.keys(STAGES) as StageName[];
/** Of a process with all that it loads, before it does anything. */
const START_SECONDS = 1.5;
/** Left to whoever else uses the disk. */
const FREE_BYTES = 20e9;
/** Annotations, features and an index with its older states. */
const BYTES_PER_VIDEO = 6000;

const { values } = parseArgs({
  options: {
    sizes: { type: 'string', default: '1000,10000,100000' },
    only: { type: 'string', default: NAMES.join(',') },
    folder: { type: 'string', default: tmpdir() },
    resume: { type: 'boolean', default: false },
    save: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) {
  console.log(`${HELP}\n\nstages: ${NAMES.join(', ')}`);
  process.exit(0);
}
const sizes = values.sizes
  .split(',')
  .map(Number)
  .sort((a, b) => a - b);
if (!sizes.every((size) => Number.isInteger(size) && size >= 200 && size <= 10_000_000)) {
  throw new RangeError(`--sizes: expected whole numbers from 200 to 10,000,000, got '${values.sizes}'`);
}
const asked = values.only.split(',');
const unknown = asked.find((name) => !(name in STAGES));
if (unknown !== undefined) throw new RangeError(`--only: expected some of ${NAMES.join(', ')}, got '${unknown}'`);
const chosen = NAMES.filter((name) => asked.includes(name));

type Kept = Partial<Record<StageName, GrowthPoint[]>>;

const inBench = (name: string): string => join(ROOT, 'bench', name);
const [KEPT, TABLE] = [inBench('growth.json'), inBench('growth.md')];
const [TIME_CHART, MEMORY_CHART] = [inBench('growth-time.svg'), inBench('growth-memory.svg')];
const kept: Kept = values.resume && existsSync(KEPT) ? (JSON.parse(await readFile(KEPT, 'utf8')) as Kept) : {};
const folder = await mkdtemp(join(values.folder, 'wbdc-bench-growth-'));
let running: ReturnType<typeof spawn> | undefined;
let interrupted = false;
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    interrupted = true;
    running?.kill('SIGKILL');
  });
}

try {
  console.log(`${ABOUT}\n${machine()}`);
  console.log(`about ${sayMinutes(estimateAll())}: ${chosen.length} stages of ${sizes.map(count).join(', ')} videos`);
  for (const size of sizes) if (!interrupted) await measureSize(size);
} finally {
  await rm(folder, { recursive: true, force: true });
}
const table = formatGrowth();
console.log(`\n${table}`);
if (values.save) {
  await writeFile(
    TIME_CHART,
    chart('seconds of processors', ({ cpuSeconds }) => cpuSeconds),
  );
  await writeFile(
    MEMORY_CHART,
    chart('memory, MB', ({ peakRss }) => peakRss / 1e6),
  );
  const charts = '![Time](growth-time.svg)\n\n![Memory](growth-memory.svg)';
  await writeFile(TABLE, `${formatHead()}\n\n${machine()}\n\n${charts}\n\n${table}\n`);
}

function formatHead(): string {
  return `# How cost grows

Written by \`npx nx run bench:growth -- --save\`. Made-up ${ABOUT}.
Each stage in a process of its own. Growth is that between the two largest sizes: the exponent of the processor's time,
which others on the machine change least, and bytes of memory (the process's highest) for one video more. Ids and
offsets are at most ${IDS_AND_OFFSETS} bytes a video; a video's texts have 600.`;
}

async function measureSize(videos: number): Promise<void> {
  const { bavail, bsize } = await statfs(folder);
  const free = bavail * bsize - videos * BYTES_PER_VIDEO;
  if (free < FREE_BYTES) {
    console.log(`${count(videos)} videos: left out, for less than ${FREE_BYTES / 1e9} GB of the disk would be free`);
    return;
  }
  console.log(`\n${count(videos)} videos`);
  const root = join(folder, String(videos));
  await mkdir(root, { recursive: true });
  try {
    for (const stage of chosen) {
      if (interrupted) return;
      const known = pointsOf(stage).find((point) => point.videos === videos);
      const point = known ?? (await measure(stage, videos, root));
      if (point === undefined) return;
      kept[stage] = [...pointsOf(stage).filter((other) => other.videos !== videos), point];
      await writeFile(KEPT, `${JSON.stringify(kept, null, 1)}\n`);
      console.log(`  ${stage.padEnd(16)} ${sayPoint(point)}${known ? '   (kept)' : ''}`);
    }
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}

/** Undefined where it was interrupted. */
async function measure(stage: StageName, videos: number, root: string): Promise<GrowthPoint | undefined> {
  const paths = pathsOf(root);
  const made: Partial<Record<StageName, string>> = {
    ...{ annotations: paths.annotations, 'store written': paths.store, 'index filled': paths.index },
  };
  for (const need of STAGES[stage].needs) {
    if (!existsSync(made[need]!) && (await run({ stage: need, videos, folder: root })) === undefined) return undefined;
  }
  return run({ stage, videos, folder: root });
}

async function run(work: GrowthWork): Promise<GrowthPoint | undefined> {
  const program = join(import.meta.dirname, 'contenders', 'growth.js');
  // detached: Ctrl-C ends the bench, which ends this one and prints what is done
  const child = spawn(process.execPath, [program, JSON.stringify(work)], {
    ...{ stdio: ['ignore', 'pipe', 'inherit'], detached: true },
  });
  running = child;
  const ended = new Promise<number | null>((done) => child.once('exit', done));
  let result: GrowthPoint | undefined;
  for await (const line of createInterface(child.stdout!)) {
    if (line.startsWith('{"videos"')) result = JSON.parse(line) as GrowthPoint;
  }
  const status = await ended;
  if (result === undefined && !interrupted) {
    throw new Error(`${work.stage} of ${work.videos} videos ended with ${String(status)} and no result`);
  }
  return result;
}

function pointsOf(stage: StageName): GrowthPoint[] {
  return kept[stage] ?? [];
}

function estimateAll(): number {
  const missing = sizes.flatMap((size) =>
    chosen
      .filter((stage) => !pointsOf(stage).some(({ videos }) => videos === size))
      .map((stage) => [stage, size] as const),
  );
  return missing.reduce((sum, [stage, size]) => sum + START_SECONDS + (STAGES[stage].estimate * size) / 1000, 0);
}

function sayMinutes(seconds: number): string {
  return seconds < 90 ? `${Math.ceil(seconds)} s` : `${digits(seconds / 60)} minutes`;
}

function count(value: number): string {
  return value.toLocaleString('en-US');
}

function sayPoint({ videos, seconds, cpuSeconds, peakRss, bytes }: GrowthPoint): string {
  const written = bytes === undefined ? '' : `   ${digits(bytes / videos)} bytes a video on the disk`;
  return `${digits(seconds)} s, ${digits(cpuSeconds)} s of processors   ${digits(peakRss / 1e6)} MB${written}`;
}

function formatGrowth(): string {
  const measured = NAMES.filter((stage) => pointsOf(stage).length > 0);
  const all = [...new Set(measured.flatMap((stage) => pointsOf(stage).map(({ videos }) => videos)))].sort(
    (a, b) => a - b,
  );
  const at = (stage: StageName, videos: number) => pointsOf(stage).find((point) => point.videos === videos);
  const cells = (stage: StageName, of: (point: GrowthPoint) => string): string[] =>
    all.map((videos) => {
      const point = at(stage, videos);
      return point === undefined ? '-' : of(point);
    });
  const seconds = formatTable(
    ['time, s', ...all.map(count), 'exponent', 'grows as'],
    measured.map((stage) => {
      const { exponent, time } = growthOf(pointsOf(stage));
      return [
        stage,
        ...cells(stage, (point) => digits(point.seconds)),
        exponent === undefined ? '-' : digits(exponent),
        time,
      ];
    }),
  );
  const memory = formatTable(
    ['memory, MB', ...all.map(count), 'bytes a video', 'more than ids and offsets', 'disk, bytes a video'],
    measured.map((stage) => {
      const { bytesPerVideo } = growthOf(pointsOf(stage));
      const more = bytesPerVideo === undefined ? 'too few to tell' : bytesPerVideo > IDS_AND_OFFSETS ? 'yes' : 'no';
      const { bytes, videos } = pointsOf(stage).at(-1)!;
      return [
        ...[stage, ...cells(stage, (point) => digits(point.peakRss / 1e6))],
        ...[bytesPerVideo === undefined ? '-' : bytesPerVideo.toFixed(0), more],
        bytes === undefined ? '-' : digits(bytes / videos),
      ];
    }),
  );
  return `${seconds}\n\n${memory}`;
}

function chart(up: string, of: (point: GrowthPoint) => number): string {
  const panels = NAMES.filter((stage) => pointsOf(stage).length > 0).map((title) => ({
    title,
    points: pointsOf(title).map((point) => ({ count: point.videos, value: of(point) })),
  }));
  return `${scalingChart({ panels, across: 'videos', up })}\n`;
}
