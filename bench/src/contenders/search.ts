/** One way to search vectors, in a process of its own: it says what it does in lines of JSON. */
import { createMemoryIndex, openIndex, type IndexModel } from '@wbdc/search';
import { peakRss } from '../serve.js';
import { quantile } from '../statistics.js';
import { readVectors, WIDTH } from '../vectors.js';

/** What a contender is asked. */
export interface SearchWork {
  readonly contender: ContenderName;
  readonly vectors: string;
  readonly rows: number;
  readonly queries: string;
  /** Queries that the scan answers: what all others are compared with. */
  readonly compared: number;
  /** A folder that is empty. */
  readonly folder: string;
}

/** What it says at the end. */
export interface Searched {
  readonly buildSeconds: number;
  /** Of the processors, all threads together. */
  readonly buildCpuSeconds: number;
  readonly p50: number;
  readonly p99: number;
  /** Of the processors a query. */
  readonly cpuMs: number;
  /** Bytes. */
  readonly rssAfter: number;
  readonly peakRss: number;
  /** Rows found for each query, 10 each. */
  readonly found: readonly (readonly number[])[];
}

export type Said = { readonly progress: string } | { readonly result: Searched };

type Answer = (query: Float32Array) => number[] | Promise<number[]>;
type Build = (work: SearchWork) => Promise<Answer>;

const CONTENDERS = { scan, lance, usearch } as const satisfies Record<string, Build>;
export type ContenderName = keyof typeof CONTENDERS;

const MODEL: IndexModel = { name: 'video', hash: '0123456789abcdef', width: WIDTH };
const NEAREST = 10;
/** Rows that are written at once. */
const BATCH = 10_000;

const work = JSON.parse(process.argv[2]) as SearchWork;
say({ result: await measure(CONTENDERS[work.contender], work) });
process.exit(0);

function say(line: Said): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

async function measure(build: Build, work: SearchWork): Promise<Searched> {
  const [started, cpu] = [performance.now(), process.cpuUsage()];
  const answer = await build(work);
  const [buildSeconds, buildCpuSeconds] = [(performance.now() - started) / 1000, cpuSeconds(cpu)];
  const queries: Float32Array[] = [];
  for await (const query of readVectors(work.queries)) queries.push(query);
  if (work.contender === 'scan') queries.length = work.compared;
  const found: number[][] = [];
  for (const query of queries.slice(0, 20)) await answer(query); // what is read once is in memory then
  const times: number[] = [];
  const before = process.cpuUsage();
  for (const query of queries) {
    const start = performance.now();
    found.push(await answer(query));
    times.push(performance.now() - start);
  }
  return {
    ...{ buildSeconds, buildCpuSeconds, p50: quantile(times, 0.5), p99: quantile(times, 0.99) },
    cpuMs: (1000 * cpuSeconds(before)) / queries.length,
    ...{ rssAfter: process.memoryUsage().rss, peakRss: peakRss(), found: found.slice(0, work.compared) },
  };
}

function cpuSeconds(since: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(since);
  return (user + system) / 1e6;
}

async function* numbered({ vectors, rows }: SearchWork) {
  let row = 0;
  for await (const values of readVectors(vectors)) {
    if (++row % 100_000 === 0) say({ progress: `${row.toLocaleString('en-US')} of ${rows.toLocaleString('en-US')}` });
    yield { id: String(row - 1), values };
  }
}

/** Every vector, in a plain loop. */
async function scan({ vectors, rows }: SearchWork): Promise<Answer> {
  const all = new Float32Array(rows * WIDTH); // [N, 256]
  let at = 0;
  for await (const vector of readVectors(vectors)) {
    all.set(vector, at);
    at += WIDTH;
  }
  return (query) => {
    const best: { row: number; score: number }[] = [];
    for (let row = 0, from = 0; row < rows; row++, from += WIDTH) {
      let score = 0;
      for (let j = 0; j < WIDTH; j++) score += query[j] * all[from + j];
      if (best.length === NEAREST && score <= best[NEAREST - 1].score) continue;
      best.push({ row, score });
      best.sort((a, b) => b.score - a.score);
      if (best.length > NEAREST) best.pop();
    }
    return best.map(({ row }) => row);
  };
}

/** The index as `wbdc index` makes it. */
async function lance(work: SearchWork): Promise<Answer> {
  const index = await openIndex(work.folder, { create: true });
  await index.addModel(MODEL);
  async function* rows() {
    for await (const { id, values } of numbered(work)) {
      yield { id, vectors: [{ model: MODEL.name, hash: MODEL.hash, values }] };
    }
  }
  await index.add(rows(), { batchSize: BATCH, onMessage: (progress) => say({ progress }) });
  return async (values) => {
    const hits = await index.search({ vectors: [{ model: MODEL.name, hash: MODEL.hash, values }], limit: NEAREST });
    return hits.map(({ video }) => Number(video.id));
  };
}

/** The graph in memory. */
async function usearch(work: SearchWork): Promise<Answer> {
  const index = await createMemoryIndex(MODEL);
  await index.add(numbered(work));
  return (values) => {
    return index.search({ model: MODEL.name, hash: MODEL.hash, values }, NEAREST).map(({ id }) => Number(id));
  };
}
