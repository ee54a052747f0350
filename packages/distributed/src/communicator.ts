/** Arrays that processes exchange. */
export type Elements = Float32Array | Float64Array | Int32Array | Uint16Array | Uint8Array;

/** Arrays whose values processes add up. */
export type Summable = Float32Array | Float64Array | Int32Array;

export type Reduction = 'sum' | 'max' | 'min';

/**
 * Collective operations that return when they are done; the thread waits. Every process of the job calls the same
 * operations in the same order, with arrays of one type, and of one length where nothing else is said.
 */
export interface BlockingCollectives {
  /** Replaces `data [n]` by its sum (largest, smallest value) over all processes, by element. */
  allReduce(data: Summable, reduction?: Reduction): void;
  /** The equal parts `[n]` of all processes one after another, by rank: `[size n]`. */
  allGather<T extends Elements>(part: T): T;
  /** The parts of all processes by rank, which may differ in length. */
  allGatherParts<T extends Elements>(part: T): T[];
  /** Gives every process the data of `root`; rank 0 where none is named. */
  broadcast(data: Elements, root?: number): void;
  /** Of `data [size n]`, block i goes to rank i; gives the blocks that came, by rank `[size n]`. */
  allToAll<T extends Elements>(data: T): T;
  /** Returns when all processes have called it. */
  barrier(): void;
}

/** An operation that goes on while this thread computes. */
export interface Begun<T> {
  /** Lets all that is begun go on, which libraries do when they are called alone; true where this one is done. */
  advance(): boolean;
  /** Waits until it is done, asleep where that takes long. */
  finish(): T;
}

/**
 * Collective operations that are begun and go on while this thread computes. Every process begins the same ones in the
 * same order, apart from all others. What is handed over is not to be touched until it is done.
 */
export interface BackgroundCollectives {
  /** As {@link BlockingCollectives.allReduce}. */
  allReduce(data: Summable, reduction?: Reduction): Begun<void>;
  /** As {@link BlockingCollectives.allGather}. */
  allGather<T extends Elements>(part: T): Begun<T>;
  /** As {@link BlockingCollectives.allToAll}. */
  allToAll<T extends Elements>(data: T): Begun<T>;
}

export interface CollectiveOptions {
  /**
   * Gives up waiting: the promise is rejected with the signal's reason. What others have begun cannot be taken back,
   * so the communicator is of no further use then; end the job.
   */
  readonly signal?: AbortSignal | undefined;
}

/**
 * The processes of one job. Its own operations are asynchronous: they run beside this thread, in the order in which
 * they were called, and apart from the blocking ones.
 */
export interface Communicator {
  /** Of this process, from 0. */
  readonly rank: number;
  /** Number of processes. */
  readonly size: number;
  /** For people: `Open MPI 4.1.4, 8 ranks`. */
  readonly about: string;
  readonly blocking: BlockingCollectives;
  readonly background: BackgroundCollectives;
  allReduce(data: Summable, reduction?: Reduction, options?: CollectiveOptions): Promise<void>;
  allGather<T extends Elements>(part: T, options?: CollectiveOptions): Promise<T>;
  allGatherParts<T extends Elements>(part: T, options?: CollectiveOptions): Promise<T[]>;
  broadcast(data: Elements, root?: number, options?: CollectiveOptions): Promise<void>;
  barrier(options?: CollectiveOptions): Promise<void>;
  /** Ends the communication, when all have called it. */
  close(): Promise<void>;
  /** Ends this process and all others of the job at once, with an exit code. */
  abort(code: number): void;
}
