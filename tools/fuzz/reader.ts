import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { WbdcError } from '@wbdc/io/errors';
import { mutate, type Mutation } from './mutate.js';

/** A file that is mutated. */
export interface Sample {
  /** Its name in the reader's folder. */
  readonly name: string;
  readonly bytes: Uint8Array;
  /** What is made of mutated bytes before they are written: a checksum or a container around them is right again. */
  readonly wrap?: (bytes: Uint8Array) => Uint8Array;
}

export type OnBad = (error: unknown) => void;

/** A public reader and how it is tried. */
export interface Reader {
  /** As `publicReaders` names it, `package: function`. */
  readonly name: string;
  /** Further public functions that its reading runs through. */
  readonly covers?: readonly string[];
  /** Makes what stands around the samples, and gives these. */
  readonly corpus: (folder: string) => Promise<readonly Sample[]> | readonly Sample[];
  /** Reads the mutated file at `path`, all of it; what is skipped and counted goes to `onBad`. */
  readonly read: (
    input: { readonly path: string; readonly bytes: Buffer; readonly folder: string },
    onBad: OnBad,
  ) => unknown;
  /** Why it cannot run here. */
  readonly skip?: () => string | undefined;
  /** What it may throw: `WbdcError` and the classes below it, where nothing else is said. */
  readonly errors?: readonly (new (...args: never[]) => Error)[];
  readonly tokens?: readonly string[];
  /** Bounds of one reading: 5 seconds, and 192 MiB more of memory than before. */
  readonly most?: { readonly seconds?: number; readonly bytes?: number };
  /** It refuses next to nothing: a text of any kind. */
  readonly lenient?: boolean;
}

export const MOST = { seconds: 5, bytes: 192 * 2 ** 20, message: 1024 };

/** What is wrong with a reader, and the file that shows it. */
export class FuzzFailure extends Error {
  constructor(
    readonly mutation: Mutation,
    readonly sample: string,
    readonly bytes: Uint8Array,
    problem: string,
    options?: ErrorOptions,
  ) {
    super(`${mutation.reader}, seed ${mutation.seed}, mutation ${mutation.number} of ${sample}: ${problem}`, options);
  }
}

/** A reader with its folder and samples in place. */
export class Fuzzer {
  private constructor(
    private readonly reader: Reader,
    private readonly folder: string,
    readonly samples: readonly Sample[],
  ) {}

  static async create(reader: Reader, folder: string): Promise<Fuzzer> {
    await mkdir(folder, { recursive: true });
    const samples = await reader.corpus(folder);
    const fuzzer = new Fuzzer(reader, folder, samples);
    for (const sample of samples) await fuzzer.write(sample.name, wrapped(sample, sample.bytes));
    return fuzzer;
  }

  /** The bytes of a mutation, and which sample's place they take. */
  mutated({ seed, number }: Omit<Mutation, 'reader'>): { sample: Sample; bytes: Buffer } {
    const { samples, reader } = this;
    const sample = samples[number % samples.length];
    const others = samples.filter((other) => other !== sample).map(({ bytes }) => bytes);
    const mutation = { seed, number, reader: reader.name };
    return { sample, bytes: Buffer.from(wrapped(sample, mutate(sample.bytes, others, mutation, reader.tokens))) };
  }

  /** Every sample as it is must be read. */
  async readOriginals(): Promise<void> {
    for (const sample of this.samples) {
      const file = Buffer.from(wrapped(sample, sample.bytes));
      const path = join(this.folder, sample.name);
      await this.reader.read({ path, bytes: file, folder: this.folder }, (error) => {
        throw error;
      });
    }
  }

  /**
   * Reads one mutation; gives whether any of it was refused.
   * @throws FuzzFailure where it took too long or too much, or what it threw is of another kind or too long
   */
  async run(number: number, seed: number): Promise<boolean> {
    const { sample, bytes } = this.mutated({ seed, number });
    const mutation = { seed, number, reader: this.reader.name };
    const fail = (problem: string, cause?: unknown) =>
      new FuzzFailure(mutation, sample.name, bytes, problem, { cause });
    const kinds = this.reader.errors ?? [WbdcError];
    let refused = 0;
    const onBad = (error: unknown): void => {
      if (error instanceof FuzzFailure) throw error;
      if (!kinds.some((kind) => error instanceof kind)) throw fail(`threw ${String(error).slice(0, 300)}`, error);
      const { message } = error as Error;
      const length = Buffer.byteLength(message);
      if (length > MOST.message) throw fail(`a message of ${length} bytes: ${message.slice(0, 300)}`, error);
      if (RAW.test(message)) throw fail(`words of JavaScript in the message: ${message.slice(0, 300)}`, error);
      refused++;
    };
    await this.write(sample.name, bytes);
    const memory = process.memoryUsage.rss();
    const cpu = process.cpuUsage();
    const path = join(this.folder, sample.name);
    try {
      await this.reader.read({ path, bytes, folder: this.folder }, onBad);
    } catch (error) {
      onBad(error);
    }
    const { user, system } = process.cpuUsage(cpu);
    const { seconds = MOST.seconds, bytes: most = MOST.bytes } = this.reader.most ?? {};
    if ((user + system) / 1e6 > seconds) throw fail(`took ${((user + system) / 1e6).toFixed(1)} s`);
    const grown = process.memoryUsage.rss() - memory;
    if (grown > most) throw fail(`took ${Math.round(grown / 2 ** 20)} MiB`);
    if (this.samples.length > 1) await this.write(sample.name, wrapped(sample, sample.bytes));
    return refused > 0;
  }

  private async write(name: string, bytes: Uint8Array): Promise<void> {
    const path = join(this.folder, name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, bytes);
  }
}

/** What V8 says of a program's own faults: no user can do anything with it. */
const RAW = new RegExp(
  [
    'is not a function|is not iterable|is not defined|is not a constructor|undefined \\(reading',
    'Cannot (read|set|convert|mix)|Maximum call stack|Invalid (array|string|typed array) length',
    'offset is out of bounds|out of range|Reduce of empty|circular structure',
  ].join('|'),
);

function wrapped({ wrap }: Pick<Sample, 'wrap'>, bytes: Uint8Array): Uint8Array {
  return wrap ? wrap(bytes) : bytes;
}
