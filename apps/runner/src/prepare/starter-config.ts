import { WBDC_SPLITS } from '@wbdc/data';
import { stringify } from 'yaml';
import type { Placed } from './item.js';

/** Below so many videos to learn from, models of full size learn nothing that small ones do not. */
const FEW = 20_000;

export interface StarterOptions {
  /** As a command should name it. */
  readonly folder: string;
  readonly name: string;
  /** How many videos carry the most frequent tag. */
  readonly mostFrequentTag: number;
}

/**
 * A configuration that learns from what was prepared: its splits, the texts it has, and sizes that fit the number of videos.
 */
export function starterConfig(items: readonly Placed[], options: StarterOptions): string {
  const learned = items.filter(({ split }) => split !== 'test_a');
  const splits = WBDC_SPLITS.filter((split) => learned.some((item) => item.split === split));
  const labelled = learned.some(({ split }) => split === 'labeled');
  const few = learned.length < FEW;
  const settings = {
    run: { name: options.name },
    data: { folder: options.folder, trainSplits: splits, heldOutSplits: ['test_a'] },
    text: { fields: fieldsOf(items), ...(few && { budget: 128 }) },
    ...(few ? smallSizes(learned.length, options.mostFrequentTag) : { tasks: tagTask(options.mostFrequentTag, {}) }),
    ...(labelled && { finetune: { kind: 'category', splits: ['labeled'], ...(few && smallFinetuning(learned)) } }),
  };
  const size = few
    ? 'Sizes are small, so that two cores learn in minutes. Better: published weights, with\n' +
      '# vocab.folder, model.init and features.tower; see wbdc download --help.'
    : 'Sizes are those of the published systems: start from published weights with vocab.folder, model.init\n' +
      '# and features.tower; see wbdc download --help.';
  return `# Written once by wbdc prepare for ${items.length} videos: yours to change. npx wbdc config prints all settings.\n# ${size}\n${stringify(settings)}`;
}

function fieldsOf(items: readonly Placed[]): string[] {
  const fields = ['title', 'ocr', 'asr'] as const;
  const used = fields.filter((field) => items.some(({ text }) => text[field].length > 0));
  return used.length > 0 ? used : ['title'];
}

/** Without frequent tags there is no tag task. */
function tagTask(mostFrequent: number, settings: object): { tag: object | null } {
  return { tag: mostFrequent < 2 ? null : settings };
}

/** As in the demo: from scratch, hence one high rate for all. */
function smallSizes(learned: number, mostFrequentTag: number) {
  const batchSize = batchOf(learned, 32);
  const steps = { checkpointEvery: 200, evaluateEvery: 200 };
  return {
    vocab: { size: 6000, minFrequency: 1 },
    clip: {
      vision: { imageSize: 96, patchSize: 16, width: 128, layers: 4, heads: 4 },
      text: { width: 128, layers: 2, heads: 4, budget: 36 },
      framesPerVideo: 2,
      batchSize,
      epochs: 8,
      learningRates: { text: 1e-3, vision: 1e-3, temperature: 1e-2, new: 1e-3 },
      warmup: 0.1,
      ...steps,
    },
    model: { width: 128, layers: 3, heads: 4, maxPositions: 128 },
    tasks: tagTask(mostFrequentTag, { weight: 50 }),
    train: { batchSize, epochs: 14, learningRate: 1e-3, rules: [], warmup: 0.1, ...steps },
  };
}

function smallFinetuning(learned: readonly Placed[]) {
  const batchSize = batchOf(learned.filter(({ split }) => split === 'labeled').length, 16);
  return { batchSize, epochs: 20, learningRate: 1e-3, rules: [{ pattern: 'encoder.bert.**', learningRate: 3e-4 }] };
}

/** A batch must fit into the data, and an epoch should have several. */
function batchOf(videos: number, most: number): number {
  return Math.max(1, Math.min(most, Math.floor(videos / 4)));
}
