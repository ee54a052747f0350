/** Our training step (`train`) and our forward pass (`embed`) on an engine: `node uni-model.js train ort <recipe>`. */
import * as tf from '@tensorflow/tfjs';
import { flatten, randomKey, type Key, type LossResult } from '@wbdc/nn';
import type { PreparedView } from '@wbdc/pretrain-tasks';
import { profileKernels } from '@wbdc/tfjs-backend-ort';
import { profileGpuKernels, webGpuStatistics } from '@wbdc/tfjs-backend-webgpu';
import { profileOperations } from '@wbdc/tfjs-node-kernels';
import { adamW, constant, disposeGrads, LossScale, trainLoop, valueAndGrad, type Optimizer } from '@wbdc/train';
import { loadEngine, type EngineName } from '../engine.js';
import type { KernelRow, MatmulShape } from '../peer.js';
import { dispatchesSoFar } from '../plain-webgpu.js';
import { makeViews, modelOf, type Recipe } from '../recipe.js';
import { serve, type Service } from '../serve.js';

const [mode, engine, text] = process.argv.slice(2);
const recipe = JSON.parse(text) as Recipe;
const HOST_ONLY = engine.endsWith(' null');

await serve(async (): Promise<Service> => {
  const about = await loadEngine(engine as EngineName, recipe.threads);
  const { encoder, model } = modelOf(recipe);
  const views = makeViews(recipe);
  const params = model.init(randomKey(1));
  const parameters = flatten(params).reduce((total, { leaf }) => total + leaf.size, 0);
  const train = (): Service => {
    const service = (HOST_ONLY ? hostOnly : training)(views, params, model.loss);
    return { about, parameters, matmul, ...service };
  };
  const embed = async (index: number): Promise<undefined> => {
    const { cls, text, frames } = encoder.encode(params.encoder, views[index].batch, {});
    await cls.data();
    tf.dispose([cls, text, frames]);
  };
  const encoderParameters = flatten(params.encoder).reduce((total, { leaf }) => total + leaf.size, 0);
  return mode === 'train' ? train() : { about, parameters: encoderParameters, matmul, step: embed };
});

type Model = ReturnType<typeof modelOf>['model'];

/** The training loop that users run, waiting for the parent's word where it would read the next batch. */
function training(
  views: readonly PreparedView[],
  params: ReturnType<Model['init']>,
  loss: Model['loss'],
): Pick<Service, 'step' | 'profile' | 'dispatches'> {
  const wanted = channel<number>();
  const losses = channel<number>();
  const kernels = new Map<string, KernelRow>();
  let profiling = false;
  const watched = <T>(run: () => T): T => (profiling ? profiled(run, kernels) : run());
  const optimizer = adamW(params, { learningRate: 5e-5, weightDecay: 0.01 });
  const running = trainLoop<PreparedView>({
    params,
    optimizer: {
      ...optimizer,
      update: (...args: Parameters<Optimizer['update']>) => watched(() => optimizer.update(...args)),
    },
    gradients: (...args) => watched(() => valueAndGrad(...args)),
    totalSteps: Number.MAX_SAFE_INTEGER,
    batchAt: async () => views[await wanted.take()],
    loss: (view: PreparedView, key: Key): LossResult => model(loss, params, view, key),
    schedule: (step) => constant(step, 0, 0),
    key: randomKey(3),
    clipNorm: 1,
    ...(engine === 'webgpu fp16' && { lossScale: new LossScale() }),
    sinks: [
      {
        write: (record) => {
          if (record.type === 'step') losses.give(record.loss);
        },
      },
    ],
  });
  running.catch((error: unknown) => {
    console.error(error);
    process.exit(1);
  });
  const [{ leaf: last }] = flatten(params).sort((a, b) => a.leaf.size - b.leaf.size);
  const step = async (index: number): Promise<number> => {
    wanted.give(index);
    const loss = await losses.take();
    if (tf.getBackend() === 'webgpu') await last.data(); // the update is done too, not only on its way
    return loss;
  };
  const profile = async (index: number): Promise<KernelRow[]> => {
    if (tf.getBackend() === 'webgpu') return (await profileGpuKernels(() => step(index))).kernels.slice();
    profiling = true;
    await step(index);
    profiling = false;
    return [...kernels.values()];
  };
  return { step, profile, dispatches };
}

function dispatches(): number | undefined {
  if (tf.getBackend() !== 'webgpu') return undefined;
  return engine === 'webgpu plain null' ? dispatchesSoFar() : webGpuStatistics().dispatches;
}

/** A step on a device that computes nothing: without the loop, which finds that its numbers are none. */
function hostOnly(
  views: readonly PreparedView[],
  params: ReturnType<Model['init']>,
  loss: Model['loss'],
): Pick<Service, 'step' | 'dispatches'> {
  const optimizer = adamW(params, { learningRate: 5e-5, weightDecay: 0.01 });
  const step = async (index: number): Promise<undefined> => {
    const run = (): LossResult => model(loss, params, views[index], randomKey(index));
    const { grads } = await valueAndGrad(params, run, undefined, { norms: true });
    optimizer.update(grads, { factor: 0 });
    disposeGrads(grads);
  };
  return { step, dispatches };
}

function model(loss: Model['loss'], params: ReturnType<Model['init']>, view: PreparedView, key: Key): LossResult {
  return loss(params, [view], key);
}

/** Adds what each kernel, or operation of TensorFlow, cost to a table. */
function profiled<T>(run: () => T, table: Map<string, KernelRow>): T {
  const { result, rows } = tf.getBackend() === 'ort' ? costsOfKernels(run) : costsOfOperations(run);
  for (const { kernel, calls, milliseconds } of rows) {
    const before = table.get(kernel) ?? { kernel, calls: 0, milliseconds: 0 };
    table.set(kernel, { kernel, calls: before.calls + calls, milliseconds: before.milliseconds + milliseconds });
  }
  return result;
}

function costsOfKernels<T>(run: () => T): { result: T; rows: KernelRow[] } {
  const { result, kernels } = profileKernels(run);
  const named = kernels.map((cost) => ({
    ...cost,
    kernel: cost.native ? cost.kernel : `${cost.kernel} (plain JavaScript)`,
  }));
  return { result, rows: named };
}

function costsOfOperations<T>(run: () => T): { result: T; rows: KernelRow[] } {
  const { result, operations } = profileOperations(run);
  return { result, rows: operations.map(({ operation, ...cost }) => ({ kernel: operation, ...cost })) };
}

function matmul([m, k, n, products]: MatmulShape): () => void {
  const stack = products === undefined ? [] : [products];
  const [a, b] = [tf.randomUniform([...stack, m, k]), tf.randomUniform([...stack, k, n])];
  return () => {
    const product = tf.matMul(a, b);
    if (tf.getBackend() !== 'ort') product.dataSync(); // ort has finished; a read would only copy
    product.dispose();
  };
}

/** Values in order; whoever takes waits until there is one. */
function channel<T>(): { give: (value: T) => void; take: () => Promise<T> } {
  const values: T[] = [];
  const waiting: ((value: T) => void)[] = [];
  return {
    give: (value) => {
      const first = waiting.shift();
      if (first) first(value);
      else values.push(value);
    },
    take: () => (values.length ? Promise.resolve(values.shift()!) : new Promise((resolve) => waiting.push(resolve))),
  };
}
