import * as tf from '@tensorflow/tfjs';
import { floats, flatten, ints, randomKey, type Batch } from '@wbdc/nn';
import { uniModel } from '@wbdc/uni-model';
import { beforeEach, describe, expect, it } from 'vitest';
import { ENGINES, distance, readMetricsNow, useEngine, wave } from '../../../tools/testing.js';
import {
  evaluate,
  mfm,
  mlm,
  mmm,
  pretraining,
  tag,
  type MmmHead,
  type MmmTarget,
  type Plan,
  type Task,
  type View,
  type WeightedTask,
} from '../src/index.js';

const [B, L, F, V, DV, T] = [5, 7, 3, 23, 13, 11];
const encoder = uniModel({
  vocabSize: V,
  hiddenSize: 14,
  layers: 1,
  heads: 2,
  intermediateSize: 22,
  maxPositions: 7,
  segments: 1,
  dropout: 0.1,
  frameSize: DV,
  maxFrames: 3,
  frameSegment: 0,
});
const tokens = Int32Array.from({ length: B * L }, (_, i) => (i % L === 0 ? 2 : i % L === 6 ? 3 : 5 + (i % 18)));
const batch: Batch = {
  ids: ['a', 'b', 'c', 'd', 'e'],
  tokens: ints([B, L], tokens),
  segments: ints([B, L]),
  textMask: ints([B, L], new Int32Array(B * L).fill(1)),
  frames: floats([B, F, DV], wave(B * F * DV, 1, 1)),
  frameMask: ints([B, F], new Int32Array(B * F).fill(1)),
  spans: Array.from({ length: B }, () => [{ field: 'title', start: 1, end: 6 }]),
  tags: [[0], [1, 2], [3], [], [10]],
};
const tasks = {
  mlm: mlm({ mask: 4, special: [0, 1, 2, 3, 4], vocabSize: V, probability: 0.5 }),
  mfm: mfm({ probability: 0.5, normalize: true, temperature: 0.05 }),
  tag: tag({ tagCount: T }),
};
const together: Plan = [{ tasks: Object.values(tasks).map((task) => ({ task, weight: 1 }) as WeightedTask) }];

it('can learn a batch by heart', async () => {
  await useEngine('ort'); // the others have its gradients
  const model = pretraining(encoder, together);
  const params = model.init(randomKey(1));
  const views = model.prepare(batch, randomKey(2));
  const optimizer = tf.train.adam(0.01);
  const variables = flatten(params).map(({ leaf }) => leaf as tf.Variable);
  const step = (): number => {
    const cost = optimizer.minimize(() => model.loss(params, views).loss, true, variables)!;
    return cost.dataSync()[0];
  };
  const first = step();
  for (let i = 0; i < 100; i++) step();
  expect(step()).toBeLessThan(first / 10);
});

describe.each(ENGINES)('a plan on %s', (engine) => {
  beforeEach(() => useEngine(engine));

  const lossOf = (weights: [number, number, number], seed = 1): number => {
    const plan: Plan = [
      { tasks: Object.values(tasks).map((task, i) => ({ task, weight: weights[i] }) as WeightedTask) },
    ];
    const model = pretraining(encoder, plan);
    return model.loss(model.init(randomKey(seed)), model.prepare(batch, randomKey(2))).loss.dataSync()[0];
  };

  it('starts at the losses of ignorance', () => {
    const plain = [tasks.mlm, tasks.tag, mfm({ probability: 0.5 })].map(
      (task) => ({ task, weight: 1 }) as WeightedTask,
    );
    const model = pretraining(encoder, [{ tasks: plain }]);
    const metrics = readMetricsNow(model.loss(model.init(randomKey(1)), model.prepare(batch, randomKey(2))).metrics);
    const value = (name: string): number => metrics[name].sum / metrics[name].count;
    expect(value('mlm/loss')).toBeCloseTo(Math.log(V), 1);
    expect(value('tag/loss')).toBeCloseTo(Math.log(2), 1);
    expect(value('mfm/loss')).toBeCloseTo(Math.log(B * F), 0);
  });

  it('weighs the tasks', () => {
    const [only, double] = [lossOf([1, 0, 0]), lossOf([2, 0, 0])];
    expect(double).toBeCloseTo(2 * only, 5);
    expect(lossOf([1, 2, 3])).toBeCloseTo(only + 2 * lossOf([0, 1, 0]) + 3 * lossOf([0, 0, 1]), 4);
  });

  it('shares one encoder pass within a view', () => {
    let passes = 0;
    const counting = {
      ...encoder,
      encode: (...args: Parameters<typeof encoder.encode>) => (passes++, encoder.encode(...args)),
    };
    const run = (plan: Plan): void => {
      const model = pretraining(counting, plan);
      model.loss(model.init(randomKey(1)), model.prepare(batch, randomKey(2)));
    };
    run(together);
    expect(passes).toBe(1);
    run([{ tasks: [{ task: tasks.mlm, weight: 1 }] }, { tasks: [{ task: tasks.mfm, weight: 1 }], share: 0.5 }]);
    expect(passes).toBe(3);
  });

  it('reaches every parameter with a gradient', () => {
    const model = pretraining(encoder, together);
    const params = model.init(randomKey(1));
    const views = model.prepare(batch, randomKey(2));
    const leaves = flatten(params);
    const gradients = tf.grads(() => model.loss(params, views, randomKey(3)).loss)(leaves.map(({ leaf }) => leaf));
    leaves.forEach(({ path }, i) => {
      const largest = Math.max(...gradients[i].dataSync().map(Math.abs));
      // A key's bias shifts all scores of a query alike, which softmax does not see.
      if (path.endsWith('key.bias')) expect(largest, path).toBeLessThan(1e-6);
      else expect(largest, path).toBeGreaterThan(0);
    });
  });

  it('evaluates over batches beside the baselines, freeing everything', async () => {
    const model = pretraining(encoder, together);
    const params = model.init(randomKey(1));
    const corpus = { tokenCounts: new Float64Array(V).fill(1), tagCounts: new Float64Array(T).fill(1) };
    const before = tf.memory().numTensors;
    const result = await evaluate(model, params, [batch, batch], corpus, randomKey(3));
    expect(tf.memory().numTensors).toBe(before);
    expect(Object.keys(result).sort()).toEqual([
      'mfm/accuracy',
      'mfm/loss',
      'mlm/accuracy',
      'mlm/loss',
      'tag/loss',
      'tag/mAP',
    ]);
    expect(result['mfm/accuracy'].baseline).toBeCloseTo(1 / (B * F), 12);
    // All tags equally frequent: they count together, and precision is the share of a video's tags among all.
    expect(result['tag/mAP'].baseline).toBeCloseTo((1 + 2 + 1 + 1) / T / 4, 12);
    expect(await evaluate(model, params, [batch, batch], corpus, randomKey(3))).toEqual(result);
  });

  it(
    'divides by what was asked: a batch without frames weighs nothing, and what was never asked has no ' + 'value',
    async () => {
      const model = pretraining(encoder, together);
      const params = model.init(randomKey(1));
      const corpus = { tokenCounts: new Float64Array(V).fill(1), tagCounts: new Float64Array(T).fill(1) };
      const frameless = { ...batch, frameMask: ints([B, F]) };
      const measured = (batches: Batch[]) => evaluate(model, params, batches, corpus, randomKey(3));
      const [alone, beside, without] = [
        await measured([batch]),
        await measured([batch, frameless]),
        await measured([frameless]),
      ];
      expect(beside['mfm/loss']).toEqual(alone['mfm/loss']);
      expect(beside['mfm/accuracy']).toEqual(alone['mfm/accuracy']);
      expect(Object.keys(without).sort()).toEqual(['mlm/accuracy', 'mlm/loss', 'tag/loss', 'tag/mAP']);
    },
  );

  it('several batches of an update weigh by what was asked in each', () => {
    const model = pretraining(encoder, together);
    const params = model.init(randomKey(1));
    const views = [1, 2].map((seed) => model.prepare(batch, randomKey(seed)));
    const asked = views.map((view) => model.asked(view));
    const names = Object.keys(asked[0]);
    expect(names.sort()).toEqual(['mfm/loss', 'mlm/loss', 'tag/loss']);
    const mean = Object.fromEntries(names.map((name) => [name, (asked[0][name] + asked[1][name]) / 2]));
    const losses = views.map((view) => model.loss(params, view, undefined, mean).loss.dataSync()[0]);
    const terms = views.map((view) => readMetricsNow(model.loss(params, view).metrics));
    const sumOf = (name: string) => terms.reduce((sum, own) => sum + own[name].sum, 0);
    const expected = names.reduce((sum, name) => sum + sumOf(name) / (asked[0][name] + asked[1][name]), 0);
    expect((losses[0] + losses[1]) / 2).toBeCloseTo(expected, 4);
  });
});

describe('views of one shuffled batch', () => {
  const share = (from: number | undefined, part: number, task: Task): View => {
    return { tasks: [{ task, weight: 1 }], share: part, ...(from !== undefined && { from }) };
  };
  const idsOf = (seed: number, first?: number, second?: number): string[][] => {
    const plan = [share(first, 0.4, tasks.mlm as Task), share(second, 0.6, tasks.mfm as Task)];
    return pretraining(encoder, plan)
      .prepare(batch, randomKey(seed))
      .map((view) => [...view.batch.ids]);
  };

  it('take every video once, drawn anew for every batch', () => {
    const drawn = new Set<string>();
    for (let seed = 0; seed < 20; seed++) {
      const [first, second] = idsOf(seed, 0, 0.4);
      expect([first.length, second.length]).toEqual([2, 3]);
      expect([...first, ...second].sort()).toEqual(batch.ids);
      drawn.add(first.join());
    }
    expect(drawn.size).toBeGreaterThan(5);
  });

  it('overlap where they do not say where they begin', () => {
    const overlaps = Array.from({ length: 20 }, (_, seed) => idsOf(seed)).filter(([first, second]) =>
      first.some((id) => second.includes(id)),
    );
    expect(overlaps.length).toBeGreaterThan(10);
  });
});

describe('shared heads', () => {
  const shared = mmm({ mask: 4, special: [0, 1, 2, 3, 4], heads: 'shared' });
  const view = (task: Task): View => ({ tasks: [{ task, weight: 1 }] });
  const plan = [...together, view(shared as Task)];

  it('are those of mlm and mfm: loss and gradients of the sum', () => {
    const model = pretraining(encoder, plan);
    const params = model.init(randomKey(1));
    expect(flatten(params.heads['mmm'])).toEqual([]);
    const views = model.prepare(batch, randomKey(2));
    const target = views.at(-1)!.targets[0] as MmmTarget;
    expect(target.text.rows.length * target.frames.rows.length).toBeGreaterThan(0);
    // The same head of its own, at the same values.
    const own = mmm({ mask: 4, special: [0, 1, 2, 3, 4] });
    const head = { text: params.heads['mlm'], frames: params.heads['mfm'] } as MmmHead;
    const variables = flatten(head).map(({ leaf }) => leaf);
    const gradients = (loss: () => tf.Tensor): tf.Tensor[] => tf.grads(() => loss() as tf.Scalar)(variables);
    const expected = gradients(() => {
      const encoded = encoder.encode(params.encoder, views.at(-1)!.batch, {});
      const wordEmbeddings = encoder.wordEmbeddings(params.encoder);
      const alone = own.loss({ head, encoded, target, wordEmbeddings, evaluating: false }).loss;
      return tf.add(pretraining(encoder, together).loss(params, views.slice(0, -1)).loss, alone);
    });
    const actual = gradients(() => model.loss(params, views).loss);
    actual.forEach((gradient, i) => {
      expect(distance(gradient.dataSync(), expected[i].dataSync())).toBeLessThan(1e-5);
      expect(Math.max(...gradient.dataSync().map(Math.abs))).toBeGreaterThan(0);
    });
  });

  it('must be there', () => {
    const [{ tasks: all }] = together;
    const without = [{ tasks: all.filter(({ task }) => task.name !== 'mfm') }, view(shared as Task)];
    expect(() => pretraining(encoder, without)).toThrow("expected the task 'mfm', whose head 'mmm' shares");
  });
});

it('divides by the tasks that ask something', () => {
  const params = pretraining(encoder, together).init(randomKey(1));
  const lossOf = (of: Batch, reduction: 'sum' | 'mean'): number => {
    const model = pretraining(encoder, together, { reduction });
    return model.loss(params, model.prepare(of, randomKey(2))).loss.dataSync()[0];
  };
  const tagless = { ...batch, tags: batch.ids.map(() => []) };
  expect(lossOf(batch, 'mean')).toBeCloseTo(lossOf(batch, 'sum') / 3, 5);
  expect(lossOf(tagless, 'mean')).toBeCloseTo(lossOf(tagless, 'sum') / 2, 5);
});

it('refuses a task twice and an empty plan', () => {
  const entry = { task: tasks.mlm, weight: 1 };
  expect(() => pretraining(encoder, [{ tasks: [entry] }, { tasks: [entry] }])).toThrow(
    "expected every task once, got 'mlm' twice",
  );
  expect(() => pretraining(encoder, [])).toThrow('expected at least one task');
});
