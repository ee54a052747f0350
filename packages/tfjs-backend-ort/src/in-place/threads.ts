import { MessageChannel, receiveMessageOnPort, Worker, type MessagePort } from 'node:worker_threads';
import { WbdcError } from '@wbdc/io/errors';
import { besideProgram } from '@wbdc/io/threads';
import type { WasmModule } from '@wbdc/io/wasm';
import type { Aliases } from './aliases.js';
import {
  BLOCK,
  CLOSED,
  CONTROL,
  Table,
  type Gradient,
  type Message,
  type Segment,
  type SharedHome,
  type Work,
} from './work.js';

/** What a thread gets at its start. */
export interface ThreadData {
  readonly control: Int32Array<SharedArrayBuffer>;
  readonly module: WasmModule;
  /** Its number, from 1 on; 0 is the main thread. */
  readonly thread: number;
  readonly port: MessagePort;
}

/** A parameter to update: where it lies, and its gradient. */
export interface Job {
  readonly segment: Segment;
  readonly gradient: Float32Array;
}

interface Helper {
  readonly worker: Worker;
  readonly port: MessagePort;
}

/**
 * Threads that take blocks of a round of work beside the main thread, which never waits for one to start: whoever is
 * there takes the next block. They sleep between rounds, and keep no process alive.
 */
export class Threads {
  private readonly control = new Int32Array(new SharedArrayBuffer(4 * Object.keys(CONTROL).length));
  private readonly helpers: Helper[];
  private table = new Table(new Float64Array(new SharedArrayBuffer(0)));
  private readonly addresses = new WeakMap<ArrayBufferLike, number>();

  constructor(
    module: WasmModule,
    private readonly aliases: Aliases,
    count: number,
    homes: Iterable<SharedHome>,
  ) {
    this.control[CONTROL.next] = CLOSED;
    this.helpers = Array.from({ length: count }, (_, i) => newHelper(this.control, module, i + 1));
    for (const enter of homes) this.tell({ enter });
  }

  tell(message: Message): void {
    for (const { port } of this.helpers) port.postMessage(message);
  }

  /** Updates parameters together, and returns when all are. */
  run(work: Work, jobs: readonly Job[]): void {
    const blocks = this.prepare(jobs);
    const { control } = this;
    Atomics.store(control, CONTROL.next, 0);
    Atomics.add(control, CONTROL.round, 1);
    Atomics.notify(control, CONTROL.round);
    for (;;) {
      const block = Atomics.add(control, CONTROL.next, 1);
      if (block >= blocks) break;
      const i = this.table.find(block, jobs.length);
      work.run(jobs[i].segment, jobs[i].gradient, ...this.table.range(i, block));
    }
    this.finish();
  }

  close(): void {
    for (const { worker } of this.helpers) void worker.terminate();
  }

  /** No thread reads the table before the round is open. */
  private prepare(jobs: readonly Job[]): number {
    if (this.table.rows.length < jobs.length * Table.WIDTH) {
      this.table = new Table(new Float64Array(new SharedArrayBuffer(8 * Table.WIDTH * jobs.length)));
      this.tell({ table: this.table.rows });
    }
    let blocks = 0;
    jobs.forEach(({ segment, gradient }, i) => {
      this.table.write(i, blocks, gradient.length, segment, this.locate(gradient));
      blocks += Math.ceil(gradient.length / BLOCK);
    });
    this.control[CONTROL.blocks] = blocks;
    this.control[CONTROL.segments] = jobs.length;
    return blocks;
  }

  private finish(): void {
    const { control } = this;
    Atomics.store(control, CONTROL.next, CLOSED);
    for (let active; (active = Atomics.load(control, CONTROL.active)) > 0;) {
      Atomics.wait(control, CONTROL.active, active);
    }
    if (control[CONTROL.failed] === 0) return;
    const reasons = this.helpers.flatMap(({ port }) => receiveMessageOnPort(port)?.message ?? []);
    throw new WbdcError(`a thread that updates parameters failed: ${String(reasons[0])}`);
  }

  private locate({ buffer, byteOffset }: Float32Array): Gradient {
    let address = this.addresses.get(buffer);
    if (address === undefined) {
      address = Number(this.aliases.address(new Uint8Array(buffer)));
      this.addresses.set(buffer, address);
    }
    return { address, bufferBytes: buffer.byteLength, offset: byteOffset };
  }
}

function newHelper(control: ThreadData['control'], module: WasmModule, thread: number): Helper {
  const { port1: port, port2 } = new MessageChannel();
  const workerData: ThreadData = { control, module, thread, port: port2 };
  const program = besideProgram('update-worker', import.meta.url);
  const worker = new Worker(program, { workerData, transferList: [port2] });
  worker.unref();
  port.unref();
  return { worker, port };
}
