/**
 * A server under load: dynamic batching beside requests one by one, and its memory over many requests. Who asks is a
 * process of its own. Ends with 1 where batches are less than 3 times as fast, a request fails, or memory grows.
 */
import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { parseArgs } from 'node:util';
import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import * as tf from '@tensorflow/tfjs';
import { openTrained } from '@wbdc/pipeline';
import { startServer } from '@wbdc/serve';
import { registerOrtBackend } from '@wbdc/tfjs-backend-ort';
import { median } from './statistics.js';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '10' },
    requests: { type: 'string', default: '100000' },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) {
  console.log('--seconds n    of each of both loads (10)\n--requests n   over which memory is watched (100000)');
  process.exit(0);
}
const [seconds, requests] = [Number(values.seconds), Number(values.requests)];
if (!(seconds >= 1 && requests >= 1000)) throw new RangeError('expected --seconds from 1 and --requests from 1000');

/** Connections that ask without a pause. */
const CONNECTIONS = 32;
/** Batches are to be so many times as fast as requests one by one. */
const FASTER = 3;
/** Memory may grow by so much of itself over all requests but the first fifth, when caches and code are warm. */
const GROWTH = 0.05;
const MODELS = fileURLToPath(new URL('../../packages/pipeline/test/fixtures/0.1.0/', import.meta.url));

registerOrtBackend();
await tf.setBackend('ort');
await using model = await openTrained(`${MODELS}similarity`, { tower: `${MODELS}clip` });
setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** What autocannon says. */
interface Load {
  readonly requests: { readonly average: number; readonly total: number };
  readonly latency: { readonly p50: number; readonly p99: number };
  readonly non2xx: number;
  readonly errors: number;
}

/** Memory at a moment, in MB. */
interface Sample {
  readonly share: number;
  readonly resident: number;
  /** What is reached, after a collection. */
  readonly live: number;
}

async function load(batchSize: number, amount: readonly string[], watch?: (done: number) => void): Promise<Load> {
  const limits = { batchSize, batchWaitMs: batchSize === 1 ? 0 : 5, batchesAtOnce: 1 };
  await using server = await startServer({ models: { vectors: model }, port: 0, limits });
  const timer = watch && setInterval(() => void answered(server.url).then(watch), 1000);
  try {
    return await cannon(`${server.url}/v1/embed`, amount);
  } finally {
    clearInterval(timer);
  }
}

/** Videos that the server has embedded so far, as its metrics tell. */
async function answered(url: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  return Number(/^wbdc_videos_total\{[^}]*result="done"[^}]*\} (\d+)/m.exec(text)?.[1] ?? 0);
}

async function cannon(url: string, amount: readonly string[]): Promise<Load> {
  const program = createRequire(import.meta.url).resolve('autocannon/autocannon.js');
  const body = JSON.stringify({ inputs: [{ title: '一只黑猫在雨中' }] });
  const asked = ['-c', String(CONNECTIONS), '-m', 'POST', '-H', 'content-type=application/json', '-b', body];
  const child = spawn(process.execPath, [program, '-j', ...asked, ...amount, url], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  let text = '';
  for await (const chunk of child.stdout) text += String(chunk);
  return JSON.parse(text) as Load;
}

const row = (name: string, { requests, latency, non2xx, errors }: Load): string =>
  `${name.padEnd(12)} ${requests.average.toFixed(0).padStart(6)} requests/s   p50 ${latency.p50} ms   ` +
  `p99 ${latency.p99} ms   ${non2xx + errors} failed`;

/** The median of the slopes of all pairs (Theil and Sen): a few outliers do not turn it. */
function slope(samples: readonly Sample[], of: (sample: Sample) => number): number {
  const slopes = samples.flatMap((a, i) => {
    return samples.slice(i + 1).flatMap((b) => (b.share > a.share ? [(of(b) - of(a)) / (b.share - a.share)] : []));
  });
  return slopes.length === 0 ? NaN : median(slopes);
}

const failures: string[] = [];
const check = (right: boolean, failure: string): void => void (right || failures.push(failure));

console.log(`both loads take about ${(2 * seconds + 2).toFixed(0)} s; then it is known how long all requests take`);
await load(16, ['-d', '2']); // warm-up
const alone = await load(1, ['-d', String(seconds)]);
console.log(row('one by one', alone));
const batched = await load(16, ['-d', String(seconds)]);
console.log(row('batches', batched));
const faster = batched.requests.average / alone.requests.average;
console.log(`batches are ${faster.toFixed(2)} times as fast`);
check(faster >= FASTER, `batches are less than ${FASTER} times as fast`);

const expected = requests / batched.requests.average;
console.log(`about ${expected.toFixed(0)} s for ${requests} requests`);
const samples: Sample[] = [];
const watched = await load(16, ['-a', String(requests)], (done) => {
  collectGarbage();
  const { rss, heapUsed, external } = process.memoryUsage();
  const sample = { share: done / requests, resident: rss / 1e6, live: (heapUsed + external) / 1e6 };
  const tenth = Math.floor(10 * sample.share);
  if (tenth > Math.floor(10 * (samples.at(-1)?.share ?? 0))) {
    console.log(`  ${done} requests: ${sample.resident.toFixed(0)} MB, ${sample.live.toFixed(1)} MB of them live`);
  }
  samples.push(sample);
});
console.log(row('all', watched));
for (const one of [alone, batched, watched]) check(one.non2xx + one.errors === 0, 'requests failed');
check(watched.requests.total >= requests, `only ${watched.requests.total} of ${requests} requests were answered`);
const warm = samples.filter(({ share }) => share >= 0.2);
for (const [name, of] of [
  ['resident', ({ resident }: Sample) => resident],
  ['live', ({ live }: Sample) => live],
] as const) {
  const [middle, grown] = [median(warm.map(of)), 0.8 * slope(warm, of)];
  const share = grown / middle;
  const told = `${middle.toFixed(1)} MB, grown by ${grown.toFixed(2)} MB (${(100 * share).toFixed(1)} %)`;
  console.log(`${name.padEnd(8)} memory over the last ${(0.8 * requests).toFixed(0)} of ${requests} requests: ${told}`);
  check(share < GROWTH, `${name} memory grows`); // not a number: too few samples
}
console.log(failures.length === 0 ? 'reached' : `missed: ${failures.join('; ')}`);
process.exitCode = failures.length === 0 ? 0 : 1;
