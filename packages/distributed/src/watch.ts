import { fork } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { hostname, networkInterfaces } from 'node:os';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { besideProgram } from '@wbdc/io/threads';
import type { Communicator } from './communicator.js';
import { fromRoot } from './texts.js';

/** What a watching thread is told at its start. */
export interface WatchData {
  readonly rank: number;
  readonly host: string;
  readonly pid: number;
  readonly address: WatchAddress;
  /** One as soon as the watching process knows that this one fails. */
  readonly heard: Int32Array<SharedArrayBuffer>;
}

/** Where the watching process is. */
interface WatchAddress {
  readonly host: string;
  readonly port: number;
  readonly addresses: readonly string[];
  /** Tells the job's own processes from strangers. */
  readonly token: string;
}

/** Sees to it that no process of a job waits for a dead one. */
export interface Watch {
  /** This process is about to end, and has not died: call it before the exit. */
  close(): Promise<void>;
  /** This process fails and has said so itself: the others end without a word. */
  fail(): void;
}

/** Milliseconds that a process which fails waits until the watching process knows. */
const FAIL_MS = 2000;

/**
 * Watches over a job of several processes: where one is killed, or its machine lost, one line names it, and all others
 * end. Launchers that kill the rest themselves may be quicker, but not all do, nor do all say which it was. A thread of
 * each process is connected to a small process beside rank 0's, which works while the main threads wait inside MPI.
 */
export async function watchRanks(communicator: Communicator): Promise<Watch> {
  if (communicator.size === 1) return { close: async () => undefined, fail: () => undefined };
  const { rank, size } = communicator;
  const host = hostname();
  const address = await fromRoot(communicator, async (): Promise<WatchAddress> => {
    const token = randomBytes(16).toString('hex');
    return { host, port: await startServer(size, token), addresses: addressesHere(), token };
  });
  const heard = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
  const workerData: WatchData = { rank, host, pid: process.pid, address, heard };
  const thread = new Worker(besideProgram('watch-worker', import.meta.url), { workerData });
  await once(thread, 'message'); // from here on it needs nothing of this thread, which may wait inside MPI
  thread.unref();
  return {
    close: async () => {
      thread.ref();
      thread.postMessage('close');
      await once(thread, 'exit');
    },
    fail: () => {
      thread.postMessage('fail');
      Atomics.wait(heard, 0, 0, FAIL_MS); // the launcher may kill the others as soon as this one ends
    },
  };
}

/** Starts the watching process in a session of its own, where no launcher kills it with this one; gives its port. */
async function startServer(size: number, token: string): Promise<number> {
  const program = fileURLToPath(besideProgram('watch-server', import.meta.url));
  const server = fork(program, [String(size), token], {
    detached: true,
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const [port] = (await once(server, 'message')) as [number];
  server.unref();
  return port;
}

function addressesHere(): string[] {
  const all = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  return all.filter(({ internal, family }) => !internal && family === 'IPv4').map(({ address }) => address);
}
