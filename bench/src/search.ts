/**
 * Vectors of 256 values: the index on LanceDB, the one in memory, faiss and a plain scan. Each in a process of its own,
 * one after another; a row is printed and kept in bench/search.json as soon as it is measured, and `--resume` goes on.
 */
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { ContenderName, Said, Searched, SearchWork } from './contenders/search.js';
import { findPython, ROOT, withoutPython } from './python.js';
import { digits, gigabytes } from './statistics.js';
import { ABOUT, writeVectors, type VectorKind } from './vectors.js';

const HELP = `--rows a,b       sizes (100000); 1000000 takes about an hour on two cores
--only a,b       of scan, lance, usearch, faiss; the scan always runs where its answers are not kept, for recall
--queries n      timed queries (2000)
--compared n     of these, compared with the scan (200)
--noise          vectors without any structure, in place of clusters
--resume         keeps what bench/search.json has of the same settings`;

const { values } = parseArgs({
  options: {
    rows: { type: 'string', default: '100000' },
    only: { type: 'string', default: 'scan,lance,usearch,faiss' },
    queries: { type: 'string', default: '2000' },
    compared: { type: 'string', default: '200' },
    noise: { type: 'boolean', default: false },
    resume: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) {
  console.log(HELP);
  process.exit(0);
}

const KEPT = fileURLToPath(new URL('../search.json', import.meta.url));
type AnyName = ContenderName | 'faiss';
const NAMES: Readonly<Record<AnyName, string>> = {
  scan: 'plain scan',
  lance: 'LanceDB, HNSW-SQ',
  usearch: 'usearch, in memory',
  faiss: 'faiss, HNSW-SQ8',
};
/** What is to be reached at a million vectors. */
const GOALS = 'goals: recall@10 >= 0.98, p50 < 10 ms, p99 < 50 ms, build < 900 s on two idle cores, < 2 GB';

/** Seconds for 100,000 vectors on two cores that nobody else uses; building a graph is a little more than linear. */
const ESTIMATES: Readonly<Record<AnyName, number>> = { scan: 25, lance: 60, usearch: 35, faiss: 60 };

type Kept = Record<string, Searched>;

const kind: VectorKind = values.noise ? 'noise' : 'clusters';
const [timed, compared] = [Number(values.queries), Number(values.compared)];
const sizes = values.rows.split(',').map(Number);
const only = values.only.split(',');
if (![timed, compared, ...sizes].every((one) => Number.isInteger(one) && one >= 20) || compared > timed) {
  const got = `--rows ${values.rows}, ${timed} and ${compared} queries`;
  throw new RangeError(`expected whole numbers from 20 on, got ${got}`);
}
const unknown = only.find((name) => !(name in NAMES));
if (unknown !== undefined) throw new RangeError(`--only: expected ${Object.keys(NAMES).join(', ')}, got '${unknown}'`);

const kept: Kept = values.resume ? await readKept() : {};
const folder = await mkdtemp(join(tmpdir(), 'wbdc-bench-search-'));
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => void rm(folder, { recursive: true, force: true }).then(() => process.exit(130)));
}
console.log(`${kind}: ${ABOUT[kind]}`);
const estimate = sizes.reduce(
  (sum, rows) => sum + only.reduce((all, name) => all + secondsOf(name as AnyName, rows), 0),
  0,
);
console.log(`about ${Math.ceil(estimate / 60)} minutes on two idle cores`);
console.log(`${cpus()[0]?.model ?? 'processor'}, ${availableParallelism()} cores; ${GOALS}`);
try {
  const queries = join(folder, 'queries.f32');
  await writeVectors(queries, kind, timed, 2);
  for (const rows of sizes) await compare(rows, queries);
} finally {
  await rm(folder, { recursive: true, force: true });
}

async function compare(rows: number, queries: string): Promise<void> {
  console.log(`\n${rows.toLocaleString('en-US')} vectors of 256 values, load of the machine ${digits(loadavg()[0])}`);
  const vectors = join(folder, 'vectors.f32');
  const ofSize = (name: AnyName): string => keyOf(name, rows);
  const names = (Object.keys(NAMES) as AnyName[]).filter((name) => name === 'scan' || only.includes(name));
  if (names.some((name) => kept[ofSize(name)] === undefined)) await writeVectors(vectors, kind, rows, 1);
  for (const contender of names) {
    const place = await mkdtemp(join(folder, 'index-'));
    const measured =
      kept[ofSize(contender)] ?? (await run(contender, { vectors, rows, queries, compared, folder: place }));
    await rm(place, { recursive: true, force: true });
    if (measured === undefined) continue;
    kept[ofSize(contender)] = measured;
    await writeFile(KEPT, `${JSON.stringify(kept)}\n`);
    console.log(rowOf(NAMES[contender], kept[ofSize(contender)], kept[ofSize('scan')]));
  }
}

function secondsOf(contender: AnyName, rows: number): number {
  return kept[keyOf(contender, rows)] === undefined ? (ESTIMATES[contender] * rows * Math.log(rows)) / 1.15e6 : 0;
}

function keyOf(name: AnyName, rows: number): string {
  return `${kind} ${rows} ${name} ${timed} ${compared}`;
}

async function readKept(): Promise<Kept> {
  const text = await readFile(KEPT, 'utf8').catch(() => '{}');
  return JSON.parse(text) as Kept;
}

type Work = Omit<SearchWork, 'contender'>;

function programOf(contender: AnyName, work: Work): readonly string[] | undefined {
  if (contender !== 'faiss') {
    const program = fileURLToPath(new URL('./contenders/search.js', import.meta.url));
    return [process.execPath, program, JSON.stringify({ contender, ...work } satisfies SearchWork)];
  }
  const python = findPython('faiss');
  const script = join(ROOT, 'bench', 'python', 'faiss_search.py');
  return python === undefined ? undefined : [python, '-u', script, JSON.stringify(work)];
}

/** Undefined where it is not there. */
async function run(contender: AnyName, work: Work): Promise<Searched | undefined> {
  const command = programOf(contender, work);
  if (command === undefined) {
    console.log(`${NAMES[contender]}: not run: ${withoutPython('faiss')} (pip install faiss-cpu)`);
    return undefined;
  }
  const [program, ...args] = command;
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const started = performance.now();
  const ended = new Promise<number | null>((done) => child.once('exit', done));
  let result: Searched | undefined;
  for await (const line of createInterface(child.stdout)) {
    const said = JSON.parse(line) as Said;
    if ('result' in said) result = said.result;
    else console.log(`  ${((performance.now() - started) / 1000).toFixed(0)} s  ${contender}: ${said.progress}`);
  }
  const status = await ended;
  if (result === undefined) throw new Error(`${contender} ended with ${String(status)} and no result`);
  return result;
}

function rowOf(name: string, one: Searched, scan: Searched): string {
  return [
    name.padEnd(20),
    `recall@10 ${recall(one, scan).toFixed(3)}`,
    `p50 ${digits(one.p50)} ms`,
    `p99 ${digits(one.p99)} ms`,
    `${digits(one.cpuMs)} ms of a processor a query (${digits(scan.p50 / one.p50)} x the scan)`,
    `build ${one.buildSeconds.toFixed(0)} s, ${one.buildCpuSeconds.toFixed(0)} s of processors`,
    `memory ${gigabytes(one.rssAfter)}, at most ${gigabytes(one.peakRss)}`,
  ].join('   ');
}

function recall({ found }: Searched, scan: Searched): number {
  const shared = found.map((rows, i) => rows.filter((row) => scan.found[i].includes(row)).length);
  return shared.reduce((sum, count) => sum + count, 0) / scan.found.flat().length;
}
