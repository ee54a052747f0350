import { basename } from 'node:path';
import { WBDC_SPLITS } from '@wbdc/data';
import { differences } from '@wbdc/io/errors';
import { stringify } from 'yaml';
import type { PreparedVideos } from './finish.js';
import type { PreparedPairs } from './pairs.js';

/** Settings that have to go with a data set. */
export interface DataFittedSettings {
  readonly data: {
    readonly folder?: string | null | undefined;
    readonly trainSplits: readonly string[];
    readonly heldOutSplits: readonly string[];
  };
  readonly text: { readonly fields: readonly string[] };
  readonly clip: { readonly batchSize: number };
  readonly train: { readonly batchSize: number };
  readonly finetune: { readonly batchSize: number };
}

/** Below so many videos to learn from, models of full size learn nothing that small ones do not. */
const FEW = 20_000;

/**
 * A configuration that learns from a prepared data set: its splits, its texts, sizes that fit the number of videos.
 *
 * @param folder as a command should name it
 */
export function starterConfig({ root, summary, fields, tags, pairs }: PreparedVideos, folder: string): string {
  const { unlabeled, labeled } = summary.splits;
  const learned = unlabeled.videos + labeled.videos;
  const splits = WBDC_SPLITS.filter((split) => split !== 'test_a' && summary.splits[split].videos > 0);
  const few = learned < FEW;
  const mostFrequentTag = tags[0]?.count ?? 0;
  const settings = {
    run: { name: runNameOf(root) },
    data: { folder, trainSplits: splits, heldOutSplits: ['test_a'] },
    text: { fields: fields.length > 0 ? fields : ['title'], ...(few && { budget: 128 }) },
    ...(few ? smallSizes(learned, mostFrequentTag) : { tasks: tagTask(mostFrequentTag, {}) }),
    ...(pairs !== undefined
      ? { finetune: { ...pairFinetuning(pairs, splits, folder), ...(few && smallFinetuning(pairs.train)) } }
      : labeled.videos > 0 && {
          finetune: { kind: 'category', splits: ['labeled'], ...(few && smallFinetuning(labeled.videos)) },
        }),
  };
  const size = few
    ? 'Sizes are small, so that two cores learn in minutes. Better: published weights, with\n' +
      '# vocab.folder, model.init and features.tower; see wbdc download --help.'
    : 'Sizes are those of the published systems: start from published weights with vocab.folder, model.init\n' +
      '# and features.tower; see wbdc download --help.';
  const about = `Written once by wbdc prepare for ${summary.videos} videos: yours to change.`;
  return [`# ${about} npx wbdc config prints all settings.`, `# ${size}`, stringify(settings)].join('\n');
}

/**
 * Settings of a configuration that do not go with a prepared data set, as lines `data.trainSplits: there ..., fits
 * ...`: those of an earlier preparation, before there was a table or a label.
 *
 * @param fitting what {@link starterConfig} gives, read
 */
export function unfitSettings(
  config: DataFittedSettings,
  fitting: DataFittedSettings,
  { summary }: PreparedVideos,
): string[] {
  const { unlabeled, labeled } = summary.splits;
  const most = (batchSize: number, videos: number, fits: number): number => (batchSize > videos ? fits : batchSize);
  const learned = unlabeled.videos + labeled.videos;
  const known = new Set<string>(fitting.text.fields);
  const fitted = {
    data: {
      folder: config.data.folder ?? fitting.data.folder,
      trainSplits: fitting.data.trainSplits,
      heldOutSplits: fitting.data.heldOutSplits,
    },
    text: { fields: config.text.fields.some((field) => known.has(field)) ? config.text.fields : fitting.text.fields },
    clip: { batchSize: most(config.clip.batchSize, learned, fitting.clip.batchSize) },
    train: { batchSize: most(config.train.batchSize, learned, fitting.train.batchSize) },
    finetune: { batchSize: most(config.finetune.batchSize, labeled.videos || Infinity, fitting.finetune.batchSize) },
  };
  const { data, text, clip, train, finetune } = config;
  const there = {
    data: { folder: data.folder, trainSplits: data.trainSplits, heldOutSplits: data.heldOutSplits },
    text: { fields: text.fields },
    ...{ clip: { batchSize: clip.batchSize }, train: { batchSize: train.batchSize } },
    finetune: { batchSize: finetune.batchSize },
  };
  return differences(there, fitted).map(({ path, before, after }) => `${path}: there ${before}, fits ${after}`);
}

/** A run's name also names a folder, and may hold no blanks or Chinese. */
function runNameOf(root: string): string {
  return (
    basename(root)
      .replaceAll(/[^\w.-]+/g, '-')
      .replace(/^[^\w]+/, '') || 'own'
  );
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

/** Clicks say which videos belong together, labels how much. */
function pairFinetuning({ files, clicks }: PreparedPairs, splits: readonly string[], folder: string) {
  const paths = Object.entries(files).map(([side, name]) => [side, `${folder}/${name}`]);
  const loss = clicks ? { loss: 'negatives', labels: 'raw' } : {};
  return { kind: 'similarity', splits, pairs: Object.fromEntries(paths) as object, ...loss };
}

function smallFinetuning(labelled: number) {
  const batchSize = batchOf(labelled, 16);
  return { batchSize, epochs: 20, learningRate: 1e-3, rules: [{ pattern: 'encoder.bert.**', learningRate: 3e-4 }] };
}

/** A batch must fit into the data, and an epoch should have several. */
function batchOf(videos: number, most: number): number {
  return Math.max(1, Math.min(most, Math.floor(videos / 4)));
}
