import { receiveMessageOnPort, workerData } from 'node:worker_threads';
import { loadAliases } from './aliases.js';
import type { ThreadData } from './threads.js';
import { CONTROL, Table, Work, type Gradient, type Message } from './work.js';

/** The program of a thread that helps to update parameters: it sleeps until a round opens, and takes blocks of it. */
const { control, module, thread, port } = workerData as ThreadData;
const aliases = loadAliases();

/** Buffers of gradients by their addresses: few slabs, the same in every round. */
const buffers = new Map<number, ArrayBuffer>();
const MOST_BUFFERS = 64;

function bufferAt({ address, bufferBytes }: Gradient): ArrayBuffer {
  let buffer = buffers.get(address);
  if (buffer === undefined || buffer.byteLength < bufferBytes) {
    if (buffers.size >= MOST_BUFFERS) buffers.clear();
    buffer = aliases!.view(BigInt(address), bufferBytes);
    buffers.set(address, buffer);
  }
  return buffer;
}

let table: Table | undefined;

/** What is new since the last round; all of it was sent before this round opened. */
function listen(work: Work): void {
  for (let got = receiveMessageOnPort(port); got; got = receiveMessageOnPort(port)) {
    const message = got.message as Message;
    if ('enter' in message) work.enter(message.enter);
    else if ('leave' in message) work.leave(message.leave);
    else table = new Table(message.table);
  }
}

function takePart(work: Work): void {
  const take = (): number => Atomics.add(control, CONTROL.next, 1);
  let block = take();
  if (block >= control[CONTROL.blocks]) return; // a round that is over, or has not begun
  listen(work);
  for (; block < control[CONTROL.blocks]; block = take()) {
    const i = table!.find(block, control[CONTROL.segments]);
    const gradient = table!.gradient(i);
    const values = new Float32Array(bufferAt(gradient), gradient.offset, gradient.size);
    work.run(table!.segment(i), values, ...table!.range(i, block));
  }
}

function main(work: Work): void {
  for (let seen = 0; ;) {
    Atomics.wait(control, CONTROL.round, seen);
    seen = Atomics.load(control, CONTROL.round);
    Atomics.add(control, CONTROL.active, 1);
    try {
      takePart(work);
    } catch (error) {
      Atomics.store(control, CONTROL.failed, 1);
      port.postMessage(error instanceof Error ? error.stack : String(error));
      return;
    } finally {
      Atomics.sub(control, CONTROL.active, 1);
      Atomics.notify(control, CONTROL.active);
    }
  }
}

if (aliases) main(new Work(module, aliases, thread));
