import { WbdcError } from '@wbdc/io/errors';
import type { Begun, CollectiveOptions, Communicator } from '../communicator.js';
import type { Handle } from './abi.js';
import { backgroundCollectives, blockingCollectives, collectives, type Call, type Steps } from './calls.js';
import type { MpiLibrary } from './library.js';

/** `MPI_THREAD_FUNNELED` and `MPI_THREAD_MULTIPLE`. */
const [FUNNELED, MULTIPLE] = [1, 3];

/** What the library gave to this process. */
export interface Started {
  readonly communicator: Communicator;
  /** Whether operations run beside this thread. */
  readonly concurrent: boolean;
}

/** Initialises MPI, which a process can do once, and gives its world. @throws WbdcError where a call fails */
export function startMpi(library: MpiLibrary): Started {
  const { abi, functions } = library;
  const call = caller(library);
  const provided = new Int32Array(1);
  call({ name: 'Init_thread', args: [null, null, MULTIPLE, provided] });
  call({ name: 'Comm_set_errhandler', args: [abi.world, abi.errorsReturn] });
  if (provided[0] < FUNNELED) {
    throw new WbdcError({ where: abi.version, expected: 'support of threads', got: 'none', code: 'mpi-threads' });
  }
  const [rank, size] = (['Comm_rank', 'Comm_size'] as const).map((name) => {
    const value = new Int32Array(1);
    call({ name, args: [abi.world, value] });
    return value[0];
  });
  // Each has its own order of operations: blocking ones never meet those that run beside them.
  const [front, back, side] = [duplicate(library, call), duplicate(library, call), duplicate(library, call)];
  const meet = meeting(library, call, front);
  const waiting = blockingCollectives(collectives(abi, front, rank, size), (steps) => {
    meet();
    return runSteps(steps, call);
  });
  const concurrent = provided[0] >= MULTIPLE;
  const queue = new Queue(concurrent ? asyncCaller(library) : async (one) => call(one));
  const all = collectives(abi, back, rank, size);
  const communicator: Communicator = {
    rank,
    size,
    about: `${abi.version}, ${size} ranks`,
    blocking: waiting,
    background: backgroundCollectives(collectives(abi, side, rank, size), beginner(library, call)),
    allReduce: (data, reduction, options) => queue.run(all.allReduce(data, reduction), options),
    allGather: (part, options) => queue.run(all.allGather(part), options),
    allGatherParts: (part, options) => queue.run(all.allGatherParts(part), options),
    broadcast: (data, root, options) => queue.run(all.broadcast(data, root), options),
    barrier: (options) => queue.run(all.barrier(), options),
    close: async () => {
      await queue.idle();
      meet(); // MPI's own waiting at the end would keep a core busy
      call({ name: 'Finalize', args: [] });
    },
    abort: (code) => void functions.Abort(abi.world, code),
  };
  return { communicator, concurrent };
}

/** Makes calls on this thread and checks what they return. */
function caller(library: MpiLibrary): (call: Call) => void {
  return ({ name, args }) => check(library, name, library.functions[name](...args));
}

function asyncCaller(library: MpiLibrary): (call: Call) => Promise<void> {
  return ({ name, args }) =>
    new Promise((resolve, reject) => {
      library.functions[name].async(...args, (error: Error | null, code: number) => {
        try {
          if (error) throw error;
          check(library, name, code);
          resolve();
        } catch (cause) {
          reject(cause);
        }
      });
    });
}

function check({ functions, abi }: MpiLibrary, name: string, code: number): void {
  if (code === 0) return;
  const text = Buffer.alloc(1 << 13);
  const length = new Int32Array(1);
  const named = functions.Error_string(code, text, length) === 0;
  const reason = named ? text.toString('latin1', 0, length[0]).split('\n')[0] : `error ${code}`;
  throw new WbdcError({ where: abi.version, expected: `MPI_${name} to succeed`, got: reason, code: 'mpi-failed' });
}

function duplicate({ abi }: MpiLibrary, call: (call: Call) => void): Handle {
  const made = new BigUint64Array(1);
  call({ name: 'Comm_dup', args: [abi.world, made] });
  call({
    name: 'Comm_set_errhandler',
    args: [handleIn(made, abi.handle), abi.errorsReturn],
  });
  return handleIn(made, abi.handle);
}

function handleIn(memory: BigUint64Array, type: 'uint64_t' | 'int'): Handle {
  return type === 'int' ? new Int32Array(memory.buffer)[0] : memory[0];
}

/**
 * Waits until all processes are there, with pauses: a process that waits for a slow one, or for one that measures or
 * saves, leaves the cores to those that compute.
 */
function meeting({ abi }: MpiLibrary, call: (call: Call) => void, comm: Handle): () => void {
  const request = new BigUint64Array(1);
  const done = new Int32Array(1);
  return () => {
    call({ name: 'Ibarrier', args: [comm, request] });
    sleepUntil(() => {
      call({ name: 'Test', args: [request, done, abi.ignoreStatus] });
      return done[0] !== 0;
    });
  };
}

const CLOCK = new Int32Array(new SharedArrayBuffer(4));

/** Looks again and again, less and less often. */
function sleepUntil(isDone: () => boolean): void {
  const start = performance.now();
  while (!isDone()) {
    const waited = performance.now() - start;
    if (waited > EAGER) Atomics.wait(CLOCK, 0, 0, Math.min(LONGEST_PAUSE, waited / 20));
  }
}

/** What is begun by the calls of a collective: those that return at once. */
const AT_ONCE = { Allreduce: 'Iallreduce', Allgather: 'Iallgather', Alltoall: 'Ialltoall' } as const;

/** Begins collectives. Their messages go on whenever any of them is looked at. */
function beginner({ abi }: MpiLibrary, call: (call: Call) => void): <T>(steps: Steps<T>) => Begun<T> {
  return <T>(steps: Steps<T>): Begun<T> => {
    // With what was handed over: MPI writes there until it is done.
    const begun: { readonly request: BigUint64Array; readonly args: readonly unknown[] }[] = [];
    let next = steps.next();
    for (; !next.done; next = steps.next()) {
      const { name, args } = next.value;
      const request = new BigUint64Array(1);
      call({ name: AT_ONCE[name as keyof typeof AT_ONCE], args: [...args, request] });
      begun.push({ request, args });
    }
    const { value } = next;
    const done = new Int32Array(1);
    const advance = (): boolean => {
      while (begun.length > 0) {
        call({ name: 'Test', args: [begun[0].request, done, abi.ignoreStatus] });
        if (done[0] === 0) return false;
        begun.shift();
      }
      return true;
    };
    const finish = (): T => {
      sleepUntil(advance);
      return value;
    };
    return { advance, finish };
  };
}

/** Milliseconds. */
const [EAGER, LONGEST_PAUSE] = [0.05, 5];

function runSteps<T>(steps: Steps<T>, call: (call: Call) => void): T {
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
    call(value);
  }
}

/** Runs operations one after another, as MPI asks for on one communicator. */
class Queue {
  #last: Promise<unknown> = Promise.resolve();
  #broken: unknown;

  constructor(private readonly call: (call: Call) => Promise<void>) {}

  run<T>(steps: Steps<T>, { signal }: CollectiveOptions = {}): Promise<T> {
    if (this.#broken !== undefined) return Promise.reject(this.#broken as Error);
    if (signal?.aborted) return Promise.reject(signal.reason as Error);
    const result = this.#last.then(() => this.#runSteps(steps));
    this.#last = result.catch((error: unknown) => {
      this.#broken ??= error;
    });
    return signal ? this.#unless(signal, result) : result;
  }

  idle(): Promise<unknown> {
    return this.#last;
  }

  async #runSteps<T>(steps: Steps<T>): Promise<T> {
    for (;;) {
      if (this.#broken !== undefined) throw this.#broken;
      const { done, value } = steps.next();
      if (done) return value;
      await this.call(value);
    }
  }

  #unless<T>(signal: AbortSignal, result: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const stop = (): void => {
        this.#broken ??= signal.reason;
        reject(signal.reason as Error);
      };
      signal.addEventListener('abort', stop, { once: true });
      result.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop));
    });
  }
}
