import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { setTimeout } from 'node:timers/promises';

/** One of the programs that are compared, in a process of its own. */
export interface Contender {
  readonly name: string;
  readonly command: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Expected memory as a multiple of an ordinary contender's. */
  readonly memory?: number;
}

/** A contender's first line. */
export interface Introduction {
  /** Engine, versions, threads. */
  readonly about: string;
  /** How many trainable numbers, where there is a model: contenders must agree. */
  readonly parameters?: number;
}

export interface StepReply {
  readonly seconds: number;
  /** Of the processor, all threads of the contender together. Ours say it. */
  readonly cpuSeconds?: number;
  /** The process's highest resident memory so far, in bytes. */
  readonly peakRss: number;
  /** The loss, where there is one: contenders come near one another. */
  readonly loss?: number;
  /** Of a GPU, since the contender's start. */
  readonly dispatches?: number;
}

export interface KernelRow {
  readonly kernel: string;
  readonly calls: number;
  readonly milliseconds: number;
}

/** A product `[m, k] x [k, n]`, or so many of them at once. */
export type MatmulShape = readonly [m: number, k: number, n: number, products?: number];

/** What a contender is told, one JSON line each; it answers with one JSON line. */
export type Command =
  { readonly do: 'step' | 'profile'; readonly index: number } | { readonly do: 'matmul'; readonly shape: MatmulShape };

/** The contender cannot run here, and says why. */
export class NotHere extends Error {}

/** What TensorFlow says at every start. */
const CHATTER = /^I0000 |absl::InitializeLog|^To enable the following instructions/;

/** A running contender: asked one thing at a time, so that never two compute at once. */
export class Peer {
  private constructor(
    readonly name: string,
    readonly introduction: Introduction,
    private readonly child: ChildProcess,
    private readonly lines: AsyncIterator<string>,
    private readonly problems: string[],
  ) {}

  /** @throws NotHere where the contender says that it cannot run here */
  static async start({ name, command, env }: Contender): Promise<Peer> {
    const [program, ...args] = command;
    // detached: Ctrl-C ends the bench, which lets the step end; all contenders end with their stdin
    const environment = { ...process.env, ...env };
    const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'], env: environment, detached: true });
    const problems: string[] = [];
    child.on('error', (error) => problems.push(error.message));
    child.stdin.on('error', () => undefined); // the end of the process tells more
    createInterface(child.stderr).on('line', (line) => problems.push(line));
    const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
    child.on('exit', (_, signal) => signal && problems.push(endedBy(signal)));
    const first = await answer<Introduction & { skip?: string }>(name, lines, problems);
    if (first.skip !== undefined) throw new NotHere(first.skip);
    return new Peer(name, first, child, lines, problems);
  }

  step(index: number): Promise<StepReply> {
    return this.ask({ do: 'step', index });
  }

  /** GFLOP/s of a product. */
  async matmul(shape: MatmulShape): Promise<number> {
    return (await this.ask<{ gflops: number }>({ do: 'matmul', shape })).gflops;
  }

  /** A step, with the time of each kernel. */
  profile(index: number): Promise<{ seconds: number; kernels: KernelRow[] }> {
    return this.ask({ do: 'profile', index });
  }

  stop(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return Promise.resolve(); // it died before
    const ended = new Promise<void>((resolve) => this.child.once('close', () => resolve()));
    this.child.stdin?.end();
    return ended;
  }

  private ask<T>(command: Command): Promise<T> {
    this.child.stdin?.write(`${JSON.stringify(command)}\n`);
    return answer<T>(this.name, this.lines, this.problems);
  }
}

/** Nobody here sends SIGKILL. */
function endedBy(signal: string): string {
  return signal === 'SIGKILL' ? 'killed by the system, as it does where memory is short' : `ended by ${signal}`;
}

/** The next line that is an answer; what libraries print between is passed over. */
async function answer<T>(name: string, lines: AsyncIterator<string>, problems: readonly string[]): Promise<T> {
  for (;;) {
    const { done, value } = await lines.next();
    if (done) {
      await setTimeout(100); // for the reason, which may come after the end of the output
      const told = problems.filter((line) => !CHATTER.test(line)).slice(-12);
      throw new Error(`${name}: expected an answer, but the process ended: ${told.join('\n')}`);
    }
    if (value.startsWith('{"')) return JSON.parse(value) as T;
  }
}
