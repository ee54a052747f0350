import type { Attention, Classified, Embedded, Tagged, TrainedInput, TrainedModel, Unreadable } from '@wbdc/pipeline';
import { zeroShotLabeller, type OpenClip, type ZeroShotLabel, type ZeroShotLabels } from '@wbdc/pipeline/apply';
import { Batcher, type BatchSettings, type RunBatch } from './batcher.js';
import { ServeError } from './errors.js';
import type { ServeMetrics } from './metrics.js';
import type { ServableModel } from './options.js';

/** What a model gives for a video, by what it is asked. */
export interface TaskRows {
  readonly classify: Classified;
  readonly embed: Embedded;
  readonly tag: Tagged;
}

export type Task = keyof TaskRows;

const TASK_OF = { category: 'classify', similarity: 'embed', tags: 'tag', pretrained: 'tag' } as const;

/** A model with its batches. */
export interface ServedModel {
  readonly name: string;
  readonly hash: string;
  readonly task: Task;
  /** Whether it labels videos with words of one's own choice. */
  readonly zeroShot: boolean;
}

type Batchers = { readonly [T in Task]?: Batcher<TrainedInput, TaskRows[T] | Unreadable> };

interface Entry extends ServedModel {
  readonly batchers: Batchers;
  /** What it attends to; a CLIP's towers do not look at each other. */
  readonly attend?: (input: TrainedInput, signal: AbortSignal) => Promise<Attention | undefined>;
  readonly clip?: ServedClip;
}

/** What only a CLIP does. */
interface ServedClip {
  readonly words: Batcher<string, Float32Array>;
  readonly labeller: (labels: ZeroShotLabels) => Promise<Labeller>;
}

type Labeller = (embedding: Float32Array) => readonly ZeroShotLabel[];

/** Which model, and until when. */
interface Asking {
  /** By its name; else the first that can. */
  readonly model?: string | undefined;
  readonly signal: AbortSignal;
}

/** The models of a server; each gathers the videos of all requests into batches of its own. */
export class Models {
  readonly #entries: readonly Entry[];

  constructor(
    models: Readonly<Record<string, ServableModel>>,
    settings: BatchSettings,
    private readonly metrics: ServeMetrics,
  ) {
    this.#entries = Object.entries(models).map(([name, model]) => {
      const onBatch = (size: number): void => metrics.batches.observe({ model: name }, size);
      const { hash } = model;
      if (isClip(model)) return { name, hash, task: 'embed', zeroShot: true, ...clipOf(model, settings, onBatch) };
      const task = TASK_OF[model.saved.kind];
      const attend: Entry['attend'] = async (input, signal) => {
        return (await model.attend([input], { signal, onSkip: () => undefined })).at(0);
      };
      return { name, hash, task, zeroShot: false, batchers: batchersOf(model, settings, onBatch), attend };
    });
  }

  get all(): readonly ServedModel[] {
    return this.#entries;
  }

  /** Videos and words that wait. */
  get waiting(): number {
    const batchers = this.#entries.flatMap(({ batchers: { classify, embed, tag }, clip }) => {
      return [classify, embed, tag, clip?.words];
    });
    return batchers.reduce((sum, batcher) => sum + (batcher?.waiting ?? 0), 0);
  }

  /** The model for a task: by its name, else the first that can. @throws ServeError where there is none */
  find(task: Task | 'zeroShot', name?: string): ServedModel {
    return this.#find(task, name);
  }

  /** Rows of videos, in their order. */
  async ask<T extends Task>(
    task: T,
    inputs: readonly TrainedInput[],
    { model, signal }: Asking,
  ): Promise<(TaskRows[T] | Unreadable)[]> {
    const { batchers, name }: { batchers: Batchers; name: string } = this.#find(task, model);
    const rows = await batchers[task]!.submit(inputs, signal);
    const unreadable = rows.filter(isUnreadable).length;
    this.metrics.videos.inc({ model: name, result: 'unreadable' }, unreadable);
    this.metrics.videos.inc({ model: name, result: 'done' }, rows.length - unreadable);
    return rows;
  }

  /** Vectors of words: by a CLIP's text side, by a model of similarity as those of videos with such a title alone. */
  async embedWords(words: readonly string[], { model, signal }: Asking): Promise<Float32Array[]> {
    const { clip, name } = this.#find('embed', model);
    if (clip !== undefined) return clip.words.submit(words, signal);
    const rows = await this.ask(
      'embed',
      words.map((title): TrainedInput => ({ features: [], title })),
      { model: name, signal },
    );
    return rows.map((row) => {
      if (isUnreadable(row)) throw row.error;
      return row.embedding;
    });
  }

  /** What a model that embeds looks at in a video; undefined of a CLIP, and of a video that cannot be read. */
  async attend(input: TrainedInput, { model, signal }: Asking): Promise<Attention | undefined> {
    return this.#find('embed', model).attend?.(input, signal);
  }

  /** What labels embeddings of a CLIP. @throws WbdcError `input` where the labels are none */
  labeller(labels: ZeroShotLabels, model?: string): Promise<Labeller> {
    return this.#find('zeroShot', model).clip!.labeller(labels);
  }

  #find(task: Task | 'zeroShot', name: string | undefined): Entry {
    const able = this.#entries.filter((entry) => (task === 'zeroShot' ? entry.zeroShot : entry.task === task));
    const found = name === undefined ? able[0] : able.find((entry) => entry.name === name);
    if (found !== undefined) return found;
    const got = name === undefined ? 'none here' : `'${name.slice(0, 60)}'`;
    const names = able.map((entry) => entry.name).join(', ');
    const what = task === 'zeroShot' ? 'a CLIP' : `a model that can ${task}`;
    const expected = `${what}${names === '' ? '' : ` (${names})`}`;
    throw new ServeError({ expected, got, code: name === undefined ? 'missing' : 'request' });
  }
}

export function isUnreadable(row: object): row is Unreadable {
  return 'error' in row;
}

function isClip(model: ServableModel): model is OpenClip {
  return !('saved' in model);
}

type OnBatch = (size: number) => void;

const optionsOf = ({ size }: BatchSettings, signal: AbortSignal) => {
  return { signal, batchSize: size, unreadable: 'yield', onSkip: () => undefined } as const;
};

function batchersOf(model: TrainedModel, settings: BatchSettings, onBatch: OnBatch): Batchers {
  const options = (signal: AbortSignal) => optionsOf(settings, signal);
  const batcher = <T>(run: RunBatch<TrainedInput, T | Unreadable>) => new Batcher(run, settings, onBatch);
  return {
    classify: batcher<Classified>((inputs, signal) => model.classify(numbered(inputs), options(signal))),
    embed: batcher<Embedded>((inputs, signal) => model.embed(numbered(inputs), options(signal))),
    tag: batcher<Tagged>((inputs, signal) => model.tag(numbered(inputs), options(signal))),
  };
}

function clipOf(
  model: OpenClip,
  settings: BatchSettings,
  onBatch: OnBatch,
): Required<Pick<Entry, 'batchers' | 'clip'>> {
  const embed = new Batcher<TrainedInput, Embedded | Unreadable>(
    (inputs, signal) => model.embed(numbered(inputs), optionsOf(settings, signal)),
    settings,
    onBatch,
  );
  const words = new Batcher<string, Float32Array>((texts) => model.embedTexts(texts), settings);
  return { batchers: { embed }, clip: { words, labeller: keeping((labels) => zeroShotLabeller(model, labels)) } };
}

/** Label sets that are remembered: their sentences pass through the text side once. */
const KEPT_LABELS = 32;

/** Remembers what was made last, by what was asked. */
function keeping<I, O>(make: (input: I) => Promise<O>): (input: I) => Promise<O> {
  const kept = new Map<string, Promise<O>>();
  return (input) => {
    const key = JSON.stringify(input);
    const made = kept.get(key) ?? make(input);
    kept.delete(key);
    kept.set(key, made); // the latest is the last
    made.catch(() => kept.delete(key));
    if (kept.size > KEPT_LABELS) kept.delete(kept.keys().next().value!);
    return made;
  };
}

/** Ids of several requests may be the same: within a batch a number stands for each. */
function numbered(inputs: readonly TrainedInput[]): TrainedInput[] {
  return inputs.map((input, i) => ({ ...input, id: String(i) }));
}
