import * as tf from '@tensorflow/tfjs';
import type { Scalar } from '@tensorflow/tfjs';
import type { Communicator } from '@wbdc/distributed';
import { WbdcError } from '@wbdc/io/errors';
import {
  foldIn,
  permutation,
  subKey,
  takeRows,
  withRows,
  type Batch,
  type Encoder,
  type Key,
  type LossResult,
  type Metric,
  type MetricSum,
  type ParamTree,
} from '@wbdc/nn';
import { lossMetric, scaled, type Corpus, type Task } from './task.js';

/** A task and the weight of its loss. */
export interface WeightedTask {
  readonly task: Task;
  readonly weight: number;
}

/** Tasks that share one corrupted view of the batch, and so one encoder pass. They corrupt it in this order. */
export interface View {
  readonly tasks: readonly WeightedTask[];
  /** The share of the batch's videos that it takes, drawn anew for every batch; all of them where absent. */
  readonly share?: number;
  /**
   * Views with a start take their shares of one and the same shuffled batch: with `{ from: 0, share: 0.25 }` and `{
   * from: 0.25, share: 0.75 }` every video is in one of the two. Without it a view's videos are drawn independently.
   */
  readonly from?: number;
}

/** All views of a step: the loss is the weighted sum over all tasks. */
export type Plan = readonly View[];

/** A corrupted view and the targets of its tasks: what {@link Pretraining.loss} reads. */
export interface PreparedView {
  readonly batch: Batch;
  readonly targets: readonly unknown[];
  /** Where several processes share the batch: this one's rows, by their numbers in all of it. */
  readonly shared?: {
    readonly rows: Int32Array;
    readonly communicator: Communicator;
    /** How many tasks of the plan have something to learn from all of it. */
    readonly asking: number;
  };
}

export interface PretrainParams<P extends ParamTree> {
  readonly encoder: P;
  /** The heads by task name. */
  readonly heads: Readonly<Record<string, ParamTree>>;
}

/** Numbers of items by term of the loss. */
export type Asked = Readonly<Record<string, number>>;

/** A plan on an encoder. */
export interface Pretraining<P extends ParamTree> {
  /** How often the encoder runs in a step: once per view, whatever the number of tasks in it. */
  readonly encoderPasses: number;
  init(key: Key): PretrainParams<P>;
  /** Corrupts a batch for every view; host memory only. */
  prepare(batch: Batch, key: Key): PreparedView[];
  /**
   * What this process computes of views that all of a job have prepared alike.
   * @throws WbdcError where a task cannot be divided
   */
  divide(views: readonly PreparedView[], communicator: Communicator): PreparedView[];
  /**
   * The weighted loss, and per task its loss and metrics under `task/name`. A dropout key means training. `meanAsked`
   * is what {@link asked} gives on average over the batches of an update: then their mean loss is divided by what was
   * asked in all.
   */
  loss(params: PretrainParams<P>, views: readonly PreparedView[], dropout?: Key, meanAsked?: Asked): LossResult;
  /** How many items each term of the loss is a mean over, under `task/term`. */
  asked(views: readonly PreparedView[]): Asked;
  /** What the trivial baselines reach on the same targets, under the same names. */
  baseline(views: readonly PreparedView[], corpus: Corpus): Readonly<Record<string, MetricSum>>;
}

export interface PretrainingOptions {
  /**
   * `sum` (default): the weighted losses are added. `mean`: their sum is divided by how many tasks ask something of the
   * batch, as in QQ's code, where a batch without tags has two tasks instead of three.
   */
  readonly reduction?: 'sum' | 'mean';
}

/** Binds a plan to an encoder. Task names must differ, because they name the heads and the metrics. */
export function pretraining<P extends ParamTree>(
  encoder: Encoder<P>,
  plan: Plan,
  { reduction = 'sum' }: PretrainingOptions = {},
): Pretraining<P> {
  const tasks = plan.flatMap(({ tasks }) => tasks.map(({ task }) => task));
  assertNames(tasks.map(({ name }) => name));
  assertShares(tasks);
  return {
    encoderPasses: plan.length,
    init: (key) => ({
      encoder: encoder.init(foldIn(key, 'encoder')),
      heads: Object.fromEntries(tasks.map((task) => [task.name, task.init(foldIn(key, task.name), encoder)])),
    }),
    prepare: (batch, key) => plan.map((view, i) => prepareView(view, batch, foldIn(key, i), foldIn(key, 'shuffled'))),
    divide: (views, communicator) => {
      const asking = countAsking(plan, views);
      return plan.map((view, i) => divideView(view, views[i], communicator, asking));
    },
    asked: (views) => Object.assign({}, ...plan.flatMap((view, i) => askedOf(view, views[i]))) as Asked,
    loss: (params, views, dropout, meanAsked) =>
      tf.tidy(() => {
        const results = plan.map((view, i) => viewLoss(encoder, params, view, views[i], subKey(dropout, i), meanAsked));
        const sum: Scalar = tf.addN(results.map(({ loss }) => loss));
        return {
          loss:
            reduction === 'sum' ? sum : tf.div(sum, Math.max(1, views[0]?.shared?.asking ?? countAsking(plan, views))),
          metrics: Object.assign({}, ...results.map((r) => r.metrics)),
        };
      }),
    baseline: (views, corpus) =>
      Object.assign(
        {},
        ...plan.flatMap((view, i) =>
          view.tasks.map(({ task }, j) => prefixed(task.name, task.baseline(views[i].targets[j], corpus))),
        ),
      ),
  };
}

/** @param shuffled orders the videos for all views that say where their share begins */
function prepareView(view: View, batch: Batch, key: Key, shuffled: Key): PreparedView {
  const targets: unknown[] = [];
  if (view.share !== undefined) {
    const drawn = view.from === undefined ? foldIn(key, 'share') : shuffled;
    batch = takeRows(batch, drawVideos(batch, view.share, view.from ?? 0, drawn));
  }
  for (const { task } of view.tasks) {
    const corrupted = task.corrupt(batch, foldIn(key, task.name));
    batch = corrupted.batch;
    targets.push(corrupted.target);
  }
  return { batch, targets };
}

function divideView(
  { tasks }: View,
  { batch, targets }: PreparedView,
  communicator: Communicator,
  asking: number,
): PreparedView {
  if (communicator.size === 1) return { batch, targets };
  const part = { index: communicator.rank, count: communicator.size };
  const divided = tasks.map(({ task }, i) => {
    if (task.divide) return task.divide(targets[i], batch, part);
    const expected = 'tasks that several processes can share';
    throw new WbdcError({ where: `task ${task.name}`, expected, got: 'one that has no divide' });
  });
  const { rows } = divided[0];
  if (divided.some((one) => String(one.rows) !== String(rows))) {
    const got = `${tasks.map(({ task }) => task.name).join(', ')}, which divide it differently`;
    throw new WbdcError({ where: 'plan', expected: 'tasks of one view that divide it alike', got });
  }
  return {
    batch: takeRows(batch, rows),
    targets: divided.map(({ target }) => target),
    shared: { rows, communicator, asking },
  };
}

/** At least one video. */
function drawVideos({ ids }: Batch, share: number, from: number, key: Key): Int32Array {
  const count = ids.length;
  const start = Math.min(Math.round(from * count), count - 1);
  const end = Math.max(start + 1, Math.round((from + share) * count));
  return permutation(key, count).subarray(start, end).sort();
}

/** How many tasks have something to learn from a batch. One that does not say what it asks always has. */
function countAsking(plan: Plan, views: readonly PreparedView[]): number {
  const asks = ({ task }: WeightedTask, target: unknown): boolean => {
    const asked = task.asked?.(target);
    return asked === undefined || Object.values(asked).some((count) => count > 0);
  };
  return plan.reduce((sum, { tasks }, i) => sum + tasks.filter((task, j) => asks(task, views[i].targets[j])).length, 0);
}

function viewLoss<P extends ParamTree>(
  encoder: Encoder<P>,
  params: PretrainParams<P>,
  view: View,
  { batch, targets, shared }: PreparedView,
  key?: Key,
  meanAsked?: Asked,
): LossResult {
  const dropout = withRows(key, shared?.rows);
  const asked: Asked = meanAsked ? (Object.assign({}, ...askedOf(view, { batch, targets })) as Asked) : {};
  const shareOf =
    (task: string) =>
    (term: string): number => {
      const mean = meanAsked?.[`${task}/${term}`] ?? 0;
      return mean === 0 ? 1 : (asked[`${task}/${term}`] ?? mean) / mean;
    };
  const encoded = encoder.encode(params.encoder, batch, dropout ? { dropout } : {});
  const wordEmbeddings = encoder.wordEmbeddings(params.encoder);
  const evaluating = dropout === undefined;
  const of = shared && { communicator: shared.communicator };
  const metrics: Record<string, Metric> = {};
  const losses = view.tasks.map(({ task, weight }, i): Scalar => {
    const head = headOf(task, params.heads);
    const share = shareOf(task.name);
    const result = task.loss({ head, encoded, target: targets[i], wordEmbeddings, evaluating, share, ...of });
    const loss = lossMetric(result.loss, result.count ?? 1);
    Object.assign(metrics, prefixed(task.name, { loss, ...result.metrics }));
    return scaled(result.loss, weight * share('loss'));
  });
  return { loss: tf.addN(losses), metrics };
}

/** The head of a task, with those of other tasks that are parts of it. */
function headOf({ name, shares = {} }: Task, heads: PretrainParams<ParamTree>['heads']): ParamTree {
  const shared = Object.entries(shares).map(([part, task]) => [part, heads[task]] as const);
  return shared.length === 0 ? heads[name] : { ...heads[name], ...Object.fromEntries(shared) };
}

/** What the tasks of a view ask. */
function askedOf({ tasks }: View, { targets }: PreparedView): Asked[] {
  return tasks.map(({ task }, i) => prefixed(task.name, task.asked?.(targets[i]) ?? {}));
}

function prefixed<T>(name: string, metrics: Readonly<Record<string, T>>): Record<string, T> {
  return Object.fromEntries(Object.entries(metrics).map(([key, metric]) => [`${name}/${key}`, metric]));
}

function assertShares(tasks: readonly Task[]): void {
  for (const { name, shares = {} } of tasks) {
    const missing = Object.values(shares).find((other) => !tasks.some((task) => task.name === other));
    if (missing === undefined) continue;
    throw new WbdcError(`plan: expected the task '${missing}', whose head '${name}' shares, got a plan without it`);
  }
}

function assertNames(names: readonly string[]): void {
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) throw new WbdcError(`plan: expected every task once, got '${twice}' twice`);
  if (names.length === 0) throw new WbdcError('plan: expected at least one task, got none');
}
