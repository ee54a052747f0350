import type { Classified, Embedded, Tagged, TrainedInput, TrainedModel, Unreadable } from '@wbdc/pipeline';
import { Batcher, type BatchSettings, type RunBatch } from './batcher.js';
import { ServeError } from './errors.js';
import type { ServeMetrics } from './metrics.js';

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
  readonly model: TrainedModel;
  readonly task: Task;
}

type Batchers = { readonly [T in Task]: Batcher<TrainedInput, TaskRows[T] | Unreadable> };

interface Entry extends ServedModel {
  readonly batchers: Batchers;
}

/** The models of a server; each gathers the videos of all requests into batches of its own. */
export class Models {
  readonly #entries: readonly Entry[];

  constructor(
    models: Readonly<Record<string, TrainedModel>>,
    settings: BatchSettings,
    private readonly metrics: ServeMetrics,
  ) {
    this.#entries = Object.entries(models).map(([name, model]) => {
      const onBatch = (size: number): void => metrics.batches.observe({ model: name }, size);
      return { name, model, task: TASK_OF[model.saved.kind], batchers: batchersOf(model, settings, onBatch) };
    });
  }

  get all(): readonly ServedModel[] {
    return this.#entries;
  }

  /** Videos that wait. */
  get waiting(): number {
    const batchers = this.#entries.flatMap(({ batchers: { classify, embed, tag } }) => [classify, embed, tag]);
    return batchers.reduce((sum, { waiting }) => sum + waiting, 0);
  }

  /** The model for a task: by its name, else the first that can. @throws ServeError where there is none */
  find(task: Task, name?: string): ServedModel {
    return this.#find(task, name);
  }

  /** Rows of videos, in their order. */
  async ask<T extends Task>(
    task: T,
    inputs: readonly TrainedInput[],
    { model, signal }: { readonly model?: string | undefined; readonly signal: AbortSignal },
  ): Promise<(TaskRows[T] | Unreadable)[]> {
    const { batchers, name }: { batchers: Batchers; name: string } = this.#find(task, model);
    const rows = await batchers[task].submit(inputs, signal);
    const unreadable = rows.filter(isUnreadable).length;
    this.metrics.videos.inc({ model: name, result: 'unreadable' }, unreadable);
    this.metrics.videos.inc({ model: name, result: 'done' }, rows.length - unreadable);
    return rows;
  }

  #find(task: Task, name: string | undefined): Entry {
    const able = this.#entries.filter((entry) => entry.task === task);
    const found = name === undefined ? able[0] : able.find((entry) => entry.name === name);
    if (found !== undefined) return found;
    const got = name === undefined ? 'none here' : `'${name.slice(0, 60)}'`;
    const names = able.map((entry) => entry.name).join(', ');
    const expected = `a model that can ${task}${names === '' ? '' : ` (${names})`}`;
    throw new ServeError({ expected, got, code: name === undefined ? 'missing' : 'request' });
  }
}

export function isUnreadable(row: object): row is Unreadable {
  return 'error' in row;
}

function batchersOf(model: TrainedModel, settings: BatchSettings, onBatch: (size: number) => void): Batchers {
  const options = (signal: AbortSignal) => {
    return { signal, batchSize: settings.size, unreadable: 'yield', onSkip: () => undefined } as const;
  };
  const batcher = <T>(run: RunBatch<TrainedInput, T | Unreadable>) => new Batcher(run, settings, onBatch);
  return {
    classify: batcher<Classified>((inputs, signal) => model.classify(numbered(inputs), options(signal))),
    embed: batcher<Embedded>((inputs, signal) => model.embed(numbered(inputs), options(signal))),
    tag: batcher<Tagged>((inputs, signal) => model.tag(numbered(inputs), options(signal))),
  };
}

/** Ids of several requests may be the same: within a batch a number stands for each. */
function numbered(inputs: readonly TrainedInput[]): TrainedInput[] {
  return inputs.map((input, i) => ({ ...input, id: String(i) }));
}
