import * as tf from '@tensorflow/tfjs';
import type { Example } from '@wbdc/data/web';
import { disposeTree } from '@wbdc/nn';
import { parameterBytes, SourceError } from '@wbdc/video-features/plain';
import type { Observer } from '../observer.js';
import { describeCategories, describeTags } from './describe.js';
import { TrainedError } from './errors.js';
import { TowerReader, type OpenHeads, type Platform, type Precision } from './frame-reader.js';
import type { TrainedInputs } from './inputs.js';
import type { ModelFiles } from './model-files.js';
import { featuresOf, MODEL_BATCH, predict, type FeaturesOptions } from './predict.js';
import { readModel, type ReadModel, type RunHead, type SavedVideoModel, type TrainedHeads } from './read-model.js';
import type { Attention, Classified, Embedded, FeaturesRow, Tagged, Unreadable } from './results.js';
import { eitherOf, rowsOf, type Rows } from './row-stream.js';
import type { RunOptions, TopOptions, TrainedModel, WithUnreadable } from './trained-model.js';

/** Opens a model from its files. The engine of tfjs is the caller's choice, made before. */
export async function openModel(files: ModelFiles, platform: Platform, observer: Observer): Promise<TrainedModel> {
  await assertEngine(observer);
  const read = await readModel(files, observer);
  let graph: OpenHeads | undefined;
  try {
    const hash = await platform.sha256(weightsAs(read.params, platform.precision));
    graph = await platform.openHeads?.(read);
    // A graph attends to nothing: that stays with tfjs.
    const model = graph === undefined ? read : { ...read, heads: { ...read.heads, ...graph.heads } };
    return new OpenModel(model, hash.slice(0, 16), new TowerReader(model, platform), observer, {
      graph,
      dtype: platform.precision?.dtype ?? 'fp32',
    });
  } catch (error) {
    await graph?.close();
    disposeTree(read.params);
    throw error;
  }
}

/** What a model is known by: the same weights in another precision are another model. */
async function* weightsAs(params: ReadModel['params'], precision: Precision | undefined): AsyncGenerator<Uint8Array> {
  yield* parameterBytes(params);
  if (precision !== undefined) yield new TextEncoder().encode(`${precision.dtype} ${precision.details}`);
}

async function assertEngine({ onWarning }: Observer): Promise<void> {
  const chosen = tf.engine().backendName;
  await tf.ready().catch((cause: unknown) => {
    const advice = "import one, such as '@wbdc/tfjs-backend-ort', and await tf.setBackend(name)";
    const problem = { expected: 'an engine of tfjs that starts', got: 'none', advice, code: 'engine-missing' } as const;
    throw new TrainedError(problem, { cause });
  });
  if (chosen) return;
  onWarning?.(`no engine was chosen with tf.setBackend: tfjs took '${tf.getBackend()}'`);
}

/** What to call a model by what it does. */
const MAKES: Readonly<Record<SavedVideoModel['kind'], string>> = {
  category: 'one that predicts categories',
  similarity: 'one that makes embeddings',
  tags: 'one that tells tags',
  pretrained: 'one of pretraining',
};

const DOES: Readonly<Record<HeadName, string>> = {
  attend: 'a model that attends',
  classify: 'a model that predicts categories',
  embed: 'a model that makes embeddings',
  tag: 'a model that was trained on tags',
};

/** A count from the end, or NaN, would leave answers out. */
function assertTop(top: number | undefined): void {
  if (top === undefined || (Number.isSafeInteger(top) && top >= 1)) return;
  throw new TrainedError({ where: 'top', expected: 'a whole number from 1 up', got: String(top), code: 'input' });
}

type Describe<T> = (id: string, row: Float32Array, example: Example) => T;
type HeadName = keyof TrainedHeads;
type Options = RunOptions & Partial<WithUnreadable>;

class OpenModel implements TrainedModel {
  readonly where: string;
  readonly saved: SavedVideoModel;
  readonly dtype: TrainedModel['dtype'];
  readonly classes: readonly string[];
  readonly tags: readonly string[];
  readonly #running = new Set<AsyncGenerator<unknown>>();
  readonly #closed = new AbortController();
  #closing: Promise<void> | undefined;

  constructor(
    private readonly model: ReadModel,
    readonly hash: string,
    private readonly reader: TowerReader,
    private readonly observer: Observer,
    private readonly computing: { readonly graph: OpenHeads | undefined; readonly dtype: TrainedModel['dtype'] },
  ) {
    this.dtype = computing.dtype;
    this.where = model.where;
    this.saved = model.saved;
    this.classes = model.saved.kind === 'category' ? model.saved.classes : [];
    this.tags = model.saved.kind === 'tags' ? model.saved.tags : model.tags;
  }

  classify(inputs: TrainedInputs, options?: Options & TopOptions): Rows<Classified>;
  classify(inputs: TrainedInputs, options: Options & TopOptions & WithUnreadable): Rows<Classified | Unreadable>;
  classify(inputs: TrainedInputs, options: Options & TopOptions = {}): Rows<Classified | Unreadable> {
    assertTop(options.top);
    const { saved, nameOf } = this.model;
    const rare = saved.kind === 'category' ? saved.rareClass : undefined;
    const describing = { classes: this.classes, rare, nameOf, top: options.top };
    return this.#rows('classify', inputs, options, (id, row) => {
      return { id, categories: describeCategories(row, describing) };
    });
  }

  embed(inputs: TrainedInputs, options?: Options): Rows<Embedded>;
  embed(inputs: TrainedInputs, options: Options & WithUnreadable): Rows<Embedded | Unreadable>;
  embed(inputs: TrainedInputs, options: Options = {}): Rows<Embedded | Unreadable> {
    return this.#rows('embed', inputs, options, (id, embedding) => ({ id, embedding, model: this.hash }));
  }

  tag(inputs: TrainedInputs, options?: Options & TopOptions): Rows<Tagged>;
  tag(inputs: TrainedInputs, options: Options & TopOptions & WithUnreadable): Rows<Tagged | Unreadable>;
  tag(inputs: TrainedInputs, options: Options & TopOptions = {}): Rows<Tagged | Unreadable> {
    assertTop(options.top);
    return this.#rows('tag', inputs, options, (id, row) => {
      this.#assertTagNames(row.length);
      const { saved } = this.model;
      const thresholds = saved.kind === 'tags' ? saved.thresholds : undefined;
      return { id, tags: describeTags(row, this.tags, { top: options.top, thresholds }) };
    });
  }

  features(inputs: TrainedInputs, options: RunOptions = {}): Rows<FeaturesRow> {
    return rowsOf(this.#whileOpen(this.#features(inputs, options)));
  }

  attend(inputs: TrainedInputs, options: Omit<RunOptions, 'batchSize'> = {}): Rows<Attention> {
    const { vocab, special } = this.model.tokenizer;
    const left = new Set<number>(Object.values(special));
    // One at a time: its row has no padding, and says how many tokens there are.
    const rows = this.#rows('attend', inputs, { ...options, batchSize: 1 }, (id, row, { tokens }): Attention => ({
      id,
      tokens: Array.from(tokens, (token, i) => ({ token, share: row[i] })).flatMap(({ token, share }) => {
        return left.has(token) ? [] : [{ text: vocab[token].replace(/^##/, ''), share }];
      }),
      frames: Array.from(row.subarray(tokens.length)),
    }));
    return rows as Rows<Attention>; // none is unreadable: nobody asked for those
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    const expected = 'an open model';
    const closed = { where: this.where, expected, got: 'one that was closed', code: 'model-closed' } as const;
    this.#closed.abort(new TrainedError(closed));
    await Promise.allSettled([...this.#running].map((rows) => rows.return(undefined)));
    disposeTree(this.model.params);
    await this.computing.graph?.close();
    await this.reader.close();
  }

  #rows<T>(head: HeadName, inputs: TrainedInputs, options: Options, describe: Describe<T>) {
    return rowsOf(this.#whileOpen(this.#generate(head, inputs, options, describe)));
  }

  /** The rows of a generator, which the model's end ends too. */
  async *#whileOpen<T>(generator: AsyncGenerator<T>): AsyncGenerator<T, void, undefined> {
    const { signal: closed } = this.#closed;
    closed.throwIfAborted();
    this.#running.add(generator);
    try {
      yield* generator;
      closed.throwIfAborted(); // else whoever reads would take the rows so far for all of them
    } finally {
      this.#running.delete(generator);
    }
  }

  async *#generate<T>(
    head: HeadName,
    inputs: TrainedInputs,
    { batchSize = MODEL_BATCH, signal, onSkip = this.#warn, unreadable }: Options,
    describe: Describe<T>,
  ): AsyncGenerator<T | Unreadable> {
    const run = this.#headOf(head);
    const either = eitherOf(signal, this.#closed.signal);
    try {
      const predicted = predict({
        ...this.#reading(inputs, batchSize, either.signal),
        run,
        onSkip: ({ id, input }, error) => onSkip({ id, input, error }),
      });
      for await (const { entry, row, example } of predicted) {
        if (row instanceof Float32Array) yield describe(entry.id, row, example!);
        else if (unreadable === 'yield') yield { id: entry.id, error: row, input: entry.input };
      }
    } finally {
      either.leave();
    }
  }

  async *#features(
    inputs: TrainedInputs,
    { batchSize = MODEL_BATCH, signal, onSkip = this.#warn }: RunOptions,
  ): AsyncGenerator<FeaturesRow> {
    const either = eitherOf(signal, this.#closed.signal);
    try {
      for await (const { video, result } of featuresOf(this.#reading(inputs, batchSize, either.signal))) {
        if (!(result instanceof SourceError)) yield { id: video.id, features: result.features };
        else onSkip({ id: video.id, input: video.input, error: result });
      }
    } finally {
      either.leave();
    }
  }

  #reading(inputs: TrainedInputs, batchSize: number, signal: AbortSignal): FeaturesOptions {
    return { model: this.model, reader: this.reader, inputs, batchSize, signal };
  }

  #headOf(head: HeadName): RunHead {
    const run = this.model.heads[head];
    if (run !== undefined) return run;
    const got = MAKES[this.saved.kind];
    throw new TrainedError({ where: this.where, expected: DOES[head], got, code: 'head-missing' });
  }

  #assertTagNames(outputs: number): void {
    if (this.tags.length === outputs) return;
    throw new TrainedError({
      where: `${this.where}/tag_list.txt`,
      expected: `${outputs} tags, as many as outputs`,
      got: String(this.tags.length),
      code: 'model-files',
    });
  }

  readonly #warn = ({ error }: Unreadable): void => this.observer.onWarning?.(error.message);
}
