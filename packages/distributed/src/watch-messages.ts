import type { Socket } from 'node:net';
import { createInterface } from 'node:readline';

/** What watching threads and the process that they are connected to tell each other, a line of JSON each. */
export type Message =
  | {
      readonly type: 'hello';
      readonly token: string;
      readonly rank: number;
      readonly host: string;
      readonly pid: number;
    }
  | { readonly type: 'bye' | 'failed' | 'heard' };

/** Milliseconds without an answer of the other machine until it is asked; it counts as lost after 10 more seconds. */
const KEEP_ALIVE_MS = 5000;

export function send(socket: Socket, message: Message): void {
  if (socket.writable) socket.write(`${JSON.stringify(message)}\n`);
}

export function listen(socket: Socket, onMessage: (message: Message) => void): void {
  socket.setKeepAlive(true, KEEP_ALIVE_MS);
  socket.setNoDelay(true);
  socket.on('error', () => undefined); // 'close' follows
  const lines = createInterface({ input: socket });
  lines.on('error', () => undefined);
  lines.on('line', (line) => {
    try {
      onMessage(JSON.parse(line) as Message);
    } catch {
      socket.destroy(); // a stranger
    }
  });
}
