/** A server under load: dynamic batching beside requests one by one, and its memory over many requests. */
import { fileURLToPath } from 'node:url';
import * as tf from '@tensorflow/tfjs';
import { openTrained } from '@wbdc/pipeline';
import { startServer } from '@wbdc/serve';
import { registerOrtBackend } from '@wbdc/tfjs-backend-ort';
import autocannon from 'autocannon';

/** Connections that ask without a pause. */
const CONNECTIONS = 32;
const SECONDS = Number(process.argv[2] ?? 10);
/** Requests over which memory is watched. */
const REQUESTS = Number(process.argv[3] ?? 100_000);
const MODELS = fileURLToPath(new URL('../../packages/pipeline/test/fixtures/0.1.0/', import.meta.url));

registerOrtBackend();
await tf.setBackend('ort');
await using model = await openTrained(`${MODELS}similarity`, { tower: `${MODELS}clip` });

interface Load {
  readonly requests: number;
  readonly p50: number;
  readonly p99: number;
  readonly failed: number;
  /** Resident memory at each quarter of the requests, MB. */
  readonly memory: readonly number[];
}

async function load(batchSize: number, amount: { duration: number } | { amount: number }): Promise<Load> {
  const limits = { batchSize, batchWaitMs: batchSize === 1 ? 0 : 5, batchesAtOnce: 1 };
  await using server = await startServer({ models: { vectors: model }, port: 0, limits });
  const memory: number[] = [];
  const body = JSON.stringify({ inputs: [{ title: '一只黑猫在雨中' }] });
  const running = autocannon({
    ...{ url: `${server.url}/v1/embed`, connections: CONNECTIONS, method: 'POST', body, ...amount },
    headers: { 'content-type': 'application/json' },
  });
  const watch = setInterval(() => memory.push(process.memoryUsage().rss / 1e6), 1000);
  const { requests, latency, non2xx, errors } = await running;
  clearInterval(watch);
  return { requests: requests.average, p50: latency.p50, p99: latency.p99, failed: non2xx + errors, memory };
}

const row = (name: string, { requests, p50, p99, failed }: Load): string =>
  `${name.padEnd(12)} ${requests.toFixed(0).padStart(6)} requests/s   p50 ${p50} ms   p99 ${p99} ms   ${failed} failed`;

await load(16, { duration: 2 }); // warm-up
const alone = await load(1, { duration: SECONDS });
const batched = await load(16, { duration: SECONDS });
console.log(row('one by one', alone));
console.log(row('batches', batched));
console.log(`batches are ${(batched.requests / alone.requests).toFixed(2)} times as fast`);
const { memory } = await load(16, { amount: REQUESTS });
const quarters = [0.25, 0.5, 0.75, 1].map((share) => memory[Math.ceil(share * memory.length) - 1] ?? NaN);
console.log(`memory over ${REQUESTS} requests, by quarters: ${quarters.map((mb) => mb.toFixed(0)).join(', ')} MB`);
