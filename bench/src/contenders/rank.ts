/** Our training step as one of several ranks: `node rank.js <recipe>` under mpirun. Rank 0 prints what a step costs. */
import * as tf from '@tensorflow/tfjs';
import {
  single,
  type BackgroundCollectives,
  type Begun,
  type BlockingCollectives,
  type Communicator,
} from '@wbdc/distributed';
import { connect } from '@wbdc/distributed/node';
import { flatten, randomKey } from '@wbdc/nn';
import type { PreparedView } from '@wbdc/pretrain-tasks';
import { adamW, trainLoop } from '@wbdc/train';
import { loadEngine } from '../engine.js';
import { makeViews, modelOf, type Recipe } from '../recipe.js';

/** What one step took on a rank. */
export interface RankStep {
  readonly seconds: number;
  /** Inside collectives, waiting for the other ranks included; and what was handed to them. */
  readonly collectiveSeconds: number;
  readonly collectiveBytes: number;
  /** From the first gradients that were sent to the last that came. */
  readonly travelSeconds: number;
  /** Of that, what this thread spent on it; the rest is hidden behind the backward pass. */
  readonly shownSeconds: number;
}

/** What a rank keeps. */
export interface RankMemory {
  readonly parameterBytes: number;
  readonly momentBytes: number;
  /** Largest resident set of the process. */
  readonly residentBytes: number;
}

const recipe = JSON.parse(process.argv[2]) as Recipe & {
  readonly gradientDtype: 'fp32' | 'bf16';
  readonly zero: boolean;
};
const communicator = await connect();
const spent = { seconds: 0, bytes: 0, shown: 0, firstSent: Infinity, lastCame: 0 };
const counted: Communicator =
  communicator === single
    ? communicator
    : { ...communicator, blocking: counting(communicator), background: countingBegun(communicator) };

await loadEngine('ort', recipe.threads);
const { model } = modelOf(recipe);
const params = model.init(randomKey(1));
const views = makeViews(recipe).map((view) => model.divide([view], communicator));
const steps: RankStep[] = [];
const parameterBytes = tf.memory().numBytes;
const settings = { learningRate: 5e-5, weightDecay: 0.01 };
const optimizer = adamW(params, { ...settings, shards: recipe.zero && communicator !== single ? counted : undefined });
const momentBytes = tf.memory().numBytes - parameterBytes;
let before = { ...spent, at: performance.now() };
await trainLoop<readonly PreparedView[]>({
  params,
  optimizer,
  totalSteps: views.length,
  batchAt: async (index) => views[index],
  loss: (batch, key, meanAsked) => model.loss(params, batch, key, meanAsked),
  asked: (batch) => model.asked(batch),
  key: randomKey(3),
  clipNorm: 1,
  communicator: counted,
  gradientDtype: recipe.gradientDtype,
  sinks: [
    {
      write: ({ type }) => {
        if (type !== 'step') return;
        const now = { ...spent, at: performance.now() };
        steps.push({
          seconds: (now.at - before.at) / 1000,
          collectiveSeconds: now.seconds - before.seconds,
          collectiveBytes: now.bytes - before.bytes,
          travelSeconds: Math.max(0, now.lastCame - now.firstSent) / 1000,
          shownSeconds: now.shown - before.shown,
        });
        before = now;
        spent.firstSent = Infinity;
      },
    },
  ],
});
const parameters = flatten(params).reduce((total, { leaf }) => total + leaf.size, 0);
const residentBytes = process.resourceUsage().maxRSS * 1024;
const memory: RankMemory = { parameterBytes, momentBytes, residentBytes };
if (communicator.rank === 0) process.stdout.write(`${JSON.stringify({ parameters, memory, steps: steps.slice(1) })}\n`);
if (communicator !== single) await communicator.close();

/** The collectives with their time and bytes added up. */
function counting({ blocking }: Communicator): BlockingCollectives {
  const timed = <T>(bytes: number, run: () => T): T => {
    const start = performance.now();
    const result = run();
    spent.seconds += (performance.now() - start) / 1000;
    spent.bytes += bytes;
    return result;
  };
  return {
    allReduce: (data, reduction) => timed(data.byteLength, () => blocking.allReduce(data, reduction)),
    allGather: (part) => timed(part.byteLength, () => blocking.allGather(part)),
    allGatherParts: (part) => timed(part.byteLength, () => blocking.allGatherParts(part)),
    broadcast: (data, root) => timed(data.byteLength, () => blocking.broadcast(data, root)),
    allToAll: (data) => timed(data.byteLength, () => blocking.allToAll(data)),
    barrier: () => timed(0, () => blocking.barrier()),
  };
}

/** The same for those that are begun, and when they are under way. */
function countingBegun({ background }: Communicator): BackgroundCollectives {
  const timed = <T>(run: () => T): T => {
    const start = performance.now();
    const result = run();
    const seconds = (performance.now() - start) / 1000;
    spent.seconds += seconds;
    spent.shown += seconds;
    return result;
  };
  const begin = <T>(bytes: number, run: () => Begun<T>): Begun<T> => {
    spent.firstSent = Math.min(spent.firstSent, performance.now());
    spent.bytes += bytes;
    const { advance, finish } = timed(run);
    return {
      advance: () => timed(advance),
      finish: () => {
        const result = timed(finish);
        spent.lastCame = performance.now();
        return result;
      },
    };
  };
  return {
    allReduce: (data, reduction) => begin(data.byteLength, () => background.allReduce(data, reduction)),
    allGather: (part) => begin(part.byteLength, () => background.allGather(part)),
    allToAll: (data) => begin(data.byteLength, () => background.allToAll(data)),
  };
}
