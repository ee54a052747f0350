import type {
  BackgroundCollectives,
  Begun,
  BlockingCollectives,
  Elements,
  Reduction,
  Summable,
} from '../communicator.js';
import type { Abi, ElementType, Handle } from './abi.js';
import type { MpiFunctions } from './library.js';

/** One call of MPI, to be made on this thread or beside it. */
export interface Call {
  readonly name: keyof MpiFunctions;
  readonly args: readonly unknown[];
}

/** The calls of a collective, one after another, and what it gives. */
export type Steps<T> = Generator<Call, T, void>;

/** Every collective as calls on a communicator of MPI. */
export type Collectives = ReturnType<typeof collectives>;

/** Counts are C ints; larger arrays go in pieces. */
const PIECE = 1 << 28;

export function collectives(abi: Abi, comm: Handle, rank: number, size: number) {
  return {
    *allReduce(data: Summable, reduction: Reduction = 'sum'): Steps<void> {
      const [type, operation] = [abi.types[typeOf(data)], abi.operations[reduction]];
      for (const piece of pieces(data)) {
        yield { name: 'Allreduce', args: [abi.inPlace, piece, piece.length, type, operation, comm] };
      }
    },
    *allGather<T extends Elements>(part: T): Steps<T> {
      const all = newArray(part, part.length * size);
      all.set(part, rank * part.length);
      if (part.length === 0) return all;
      const type = abi.types[typeOf(part)];
      yield { name: 'Allgather', args: [abi.inPlace, 0, type, all, part.length, type, comm] };
      return all;
    },
    *allGatherParts<T extends Elements>(part: T): Steps<T[]> {
      const counts = yield* this.allGather(Int32Array.of(part.length));
      const starts = new Int32Array(size);
      for (let i = 1; i < size; i++) starts[i] = starts[i - 1] + counts[i - 1];
      const total = starts[size - 1] + counts[size - 1];
      const all = newArray(part, total);
      all.set(part, starts[rank]);
      const type = abi.types[typeOf(part)];
      if (total > 0) yield { name: 'Allgatherv', args: [abi.inPlace, 0, type, all, counts, starts, type, comm] };
      return Array.from(counts, (count, i) => all.subarray(starts[i], starts[i] + count) as T);
    },
    *broadcast(data: Elements, root = 0): Steps<void> {
      const type = abi.types[typeOf(data)];
      for (const piece of pieces(data)) yield { name: 'Bcast', args: [piece, piece.length, type, root, comm] };
    },
    *allToAll<T extends Elements>(data: T): Steps<T> {
      if (data.length % size !== 0) {
        throw new RangeError(`allToAll: expected a multiple of ${size} values, got ${data.length}`);
      }
      const [type, count] = [abi.types[typeOf(data)], data.length / size];
      const received = newArray(data, data.length);
      if (count > 0) yield { name: 'Alltoall', args: [data, count, type, received, count, type, comm] };
      return received;
    },
    *barrier(): Steps<void> {
      yield { name: 'Barrier', args: [comm] };
    },
  };
}

/** The collectives, each run by `run` before it returns. */
export function blockingCollectives(all: Collectives, run: <T>(steps: Steps<T>) => T): BlockingCollectives {
  return {
    allReduce: (...args) => run(all.allReduce(...args)),
    allGather: (part) => run(all.allGather(part)),
    allGatherParts: (part) => run(all.allGatherParts(part)),
    broadcast: (...args) => run(all.broadcast(...args)),
    allToAll: (data) => run(all.allToAll(data)),
    barrier: () => run(all.barrier()),
  };
}

/** The collectives that can go on by themselves, each begun by `begin`. */
export function backgroundCollectives(
  all: Collectives,
  begin: <T>(steps: Steps<T>) => Begun<T>,
): BackgroundCollectives {
  return {
    allReduce: (...args) => begin(all.allReduce(...args)),
    allGather: (part) => begin(all.allGather(part)),
    allToAll: (data) => begin(all.allToAll(data)),
  };
}

function* pieces<T extends Elements>(data: T): Generator<T> {
  for (let start = 0; start < data.length; start += PIECE) yield data.subarray(start, start + PIECE) as T;
}

function newArray<T extends Elements>({ constructor }: T, length: number): T {
  return new (constructor as new (length: number) => T)(length);
}

function typeOf(data: Elements): ElementType {
  if (data instanceof Float32Array) return 'float';
  if (data instanceof Float64Array) return 'double';
  if (data instanceof Int32Array) return 'int';
  return data instanceof Uint16Array ? 'uint16' : 'byte';
}
