import { writeSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { listen, send, type Message } from './watch-messages.js';

/**
 * The process, beside rank 0's, to which a thread of every rank holds a connection. A connection that closes without a
 * goodbye is a rank that died: one line names it, and the others are told to end. No launcher sees it as its child,
 * which may kill every rank before one of them could speak. Arguments: number of ranks, the job's token.
 */
const [size, token] = [Number(process.argv[2]), process.argv[3]];

/** Milliseconds that a rank which has failed has for its own last words; and that a job has to connect. */
const [GRACE_MS, CONNECT_MS] = [3000, 120_000];

const sockets = new Set<Socket>();
let joined = 0;
let ending = false;
/** A rank has said that it fails: what becomes of the others comes of that. */
let failing = false;

function endAll(): void {
  ending = true;
  for (const socket of sockets) send(socket, { type: 'failed' });
  setTimeout(() => process.exit(), 500);
}

function tell({ rank, host, pid }: Extract<Message, { type: 'hello' }>): void {
  const what = `rank ${rank} of ${size} (process ${pid} on ${host}) has died`;
  const advice = 'killed, out of memory or its machine lost; all ranks end: run the same command again to go on';
  writeSync(2, `error: ${what}: ${advice}\n`);
}

const server = createServer((socket) => {
  let peer: Extract<Message, { type: 'hello' }> | undefined;
  let bye = false;
  listen(socket, (message) => {
    if (message.type === 'hello' && message.token === token) {
      peer = message;
      joined++;
      sockets.add(socket);
    } else if (peer === undefined) socket.destroy();
    else {
      bye = true;
      if (message.type !== 'failed') return;
      failing = true;
      send(socket, { type: 'heard' });
      setTimeout(endAll, GRACE_MS);
    }
  });
  socket.on('close', () => {
    sockets.delete(socket);
    if (peer === undefined) return;
    if (!bye && !ending && !failing) {
      tell(peer);
      endAll();
    } else if (sockets.size === 0 && joined === size) process.exit();
  });
});
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGUSR1', 'SIGUSR2']) process.on(signal, () => undefined);
setTimeout(() => joined === 0 && process.exit(), CONNECT_MS).unref();
server.listen(0, () => process.send!((server.address() as { port: number }).port, () => process.disconnect()));
