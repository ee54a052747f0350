import { connect, type Socket } from 'node:net';
import { parentPort, workerData } from 'node:worker_threads';
import { listen, send } from './watch-messages.js';
import type { WatchData } from './watch.js';

/**
 * The program of a rank's watching thread. The main thread may be inside MPI, where no signal and no timer reaches it:
 * when another rank has died, or the watching process is gone, this thread ends the process.
 */
const { rank, host, pid, address, heard } = workerData as WatchData;

let closing = false;

function endProcess(): void {
  process.kill(process.pid, 'SIGKILL');
}

async function join(): Promise<void> {
  let socket: Socket | undefined;
  for (const at of host === address.host ? ['127.0.0.1'] : [...address.addresses, address.host]) {
    socket ??= await reach(address.port, at);
  }
  if (socket === undefined) {
    parentPort?.postMessage(false);
    return parentPort?.close(); // no way there: the launcher is left to notice
  }
  const server = socket;
  send(server, { type: 'hello', token: address.token, rank, host, pid });
  listen(server, ({ type }) => {
    if (type === 'heard') {
      Atomics.store(heard, 0, 1);
      Atomics.notify(heard, 0);
    }
    if (type === 'failed' && !closing) endProcess();
  });
  server.on('close', () => {
    if (!closing) endProcess();
  });
  parentPort?.on('message', (what: 'close' | 'fail') => {
    closing = true;
    send(server, { type: what === 'fail' ? 'failed' : 'bye' });
    if (what === 'fail') return;
    server.end();
    parentPort?.close();
  });
  parentPort?.postMessage(true);
}

/** Milliseconds for a connection. */
const REACH_MS = 5000;

function reach(port: number, at: string): Promise<Socket | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: at, timeout: REACH_MS });
    const fail = (): void => {
      socket.destroy();
      resolve(undefined);
    };
    socket.once('error', fail).once('timeout', fail);
    socket.once('connect', () => {
      socket.off('error', fail).off('timeout', fail).setTimeout(0);
      resolve(socket);
    });
  });
}

void join();
