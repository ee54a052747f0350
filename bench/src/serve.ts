import { readFileSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import { createInterface } from 'node:readline';
import { NotHere, type Command, type Introduction, type KernelRow, type MatmulShape } from './peer.js';

/** What a contender can do, inside its own process. */
export interface Service extends Introduction {
  /** Does the work of a round and gives the loss, where there is one. */
  step(index: number): Promise<number | undefined>;
  profile?(index: number): Promise<KernelRow[]>;
  /** Of a GPU, since the start. */
  dispatches?(): number | undefined;
  /** Multiplies once and waits for the result. */
  matmul?(shape: MatmulShape): () => void;
}

/**
 * Answers the parent's commands until it closes the line. `NotHere` from `start` becomes the reason why it is left out.
 */
export async function serve(start: () => Promise<Service>): Promise<void> {
  console.log = console.info = console.error; // standard output is the line to the parent
  let service: Service;
  try {
    service = await start();
  } catch (error) {
    if (!(error instanceof NotHere)) throw error;
    reply({ skip: error.message.split('\n')[0] });
    return;
  }
  const { about, parameters } = service;
  reply({ about, ...(parameters === undefined ? {} : { parameters }) });
  for await (const line of createInterface(process.stdin)) reply(await execute(service, JSON.parse(line) as Command));
  process.exit(0);
}

function reply(message: object): void {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}

async function execute(service: Service, command: Command): Promise<object> {
  if (command.do === 'matmul') return { gflops: gflops(service.matmul!(command.shape), command.shape) };
  const start = performance.now();
  const before = process.cpuUsage();
  const result =
    command.do === 'step'
      ? { loss: await service.step(command.index), dispatches: service.dispatches?.() }
      : { kernels: await service.profile!(command.index) };
  const seconds = (performance.now() - start) / 1000;
  const { user, system } = process.cpuUsage(before);
  return { ...result, seconds, cpuSeconds: (user + system) / 1e6, peakRss: peakRss() };
}

const LEAST_MILLISECONDS = 400;

/** The best of repeated runs: a ceiling, not an average. */
function gflops(run: () => void, [m, k, n, products = 1]: MatmulShape): number {
  run();
  let best = Infinity;
  const begin = performance.now();
  while (performance.now() - begin < LEAST_MILLISECONDS) {
    const start = performance.now();
    run();
    best = Math.min(best, performance.now() - start);
  }
  return (2 * m * k * n * products) / best / 1e6;
}

/** Linux's `ru_maxrss` also counts what the parent held when it started this process; `VmHWM` does not. */
export function peakRss(): number {
  try {
    const found = /VmHWM:\s+(\d+) kB/.exec(readFileSync('/proc/self/status', 'utf8'));
    if (found) return Number(found[1]) * 1024;
  } catch {
    // not Linux
  }
  return process.resourceUsage().maxRSS * 1024;
}
