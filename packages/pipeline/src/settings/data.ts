import { z } from 'zod';
import type { FeatureSettings } from './frames.js';
import type { Problem } from './problem.js';

const count = (smallest = 1) => z.int().min(smallest);
const split = z.string().regex(/^[\w-]+$/, 'the name of a split, such as unlabeled');

/** How files on servers are read, and what of them is kept. */
const remote = z.strictObject({
  /**
   * The folder in which parts of files on servers are kept, for all runs and processes of this machine; null:
   * `wbdc/remote` in the user's folder of caches (`$XDG_CACHE_HOME`, else `~/.cache`).
   */
  cache: z.string().min(1).nullable().default(null),
  /** GiB that this folder may hold: what was used longest ago goes first. 0 keeps nothing on the disk. */
  cacheGiB: z.number().min(0).default(4),
  /** MiB of every open file that are kept in memory. */
  memoryMiB: count().default(64),
  /** Tries one after another that bring no byte, before a file is given up. */
  attempts: count().default(5),
});

/** Where a data set is, and which of its splits are read. */
export const dataSchema = z.strictObject({
  /** A folder in an official layout; null builds the embedded emoji data set. */
  folder: z.string().min(1).nullable().default(null),
  /**
   * What the folder holds. wbdc: annotations/<split>.json and zip_frames/. aiac: <split>/*.tfrecord(s), plain or GZIP,
   * with frame features inside; label.tsv, tag_list.txt.
   */
  layout: z.enum(['wbdc', 'aiac']).default('wbdc'),
  /** Where zip_frames/ is, if not in that folder: another one, or an address (https://..., s3://bucket/key). */
  frames: z.string().min(1).nullable().default(null),
  /**
   * Stores of frame features that are there already, <split>.zip with <id>.npy each: a folder, or an address
   * (https://..., s3://bucket/key). There are no clip and features stages then.
   */
  features: z.string().min(1).nullable().default(null),
  remote: remote.prefault({}),
  /** Width and height in pixels of the embedded data set's frames. */
  imageSize: count(16).max(1024).default(96),
  /** Which embedded data set: text adds a corpus, large 9,500 videos too, from a package that is fetched once. */
  set: z.enum(['demo', 'text', 'large']).default('demo'),
  /** Most skin variants per unlabelled item of the embedded data set. */
  variants: count(0).max(25).default(5),
  /** Splits to learn from; every title in them is read, labels are not. */
  trainSplits: z.array(split).min(1).default(['unlabeled', 'labeled']),
  /** Splits to measure on, never learned from. */
  heldOutSplits: z.array(split).min(1).default(['test_a']),
  /** Bad records (a broken zip, a wrong field) are skipped and counted up to this share; above it they are an error. */
  maxBadShare: z.number().min(0).max(1).default(0.001),
});

export type DataSettings = z.output<typeof dataSchema>;

const ADDRESS = /^[a-z][a-z\d+.-]*:\/\//i;

type SplitSettings = Pick<DataSettings, 'trainSplits' | 'heldOutSplits'>;

/** Every split that is read, each once. */
export function allSplits({ trainSplits, heldOutSplits }: SplitSettings): string[] {
  return [...new Set([...trainSplits, ...heldOutSplits])];
}

/** What is wrong with settings of the data and their features that are each right by themselves. */
export function dataProblems({
  data,
  features,
}: {
  readonly data: DataSettings;
  readonly features: FeatureSettings;
}): Problem[] {
  const both = data.trainSplits.find((name) => data.heldOutSplits.includes(name));
  const problems: [setting: string, message: string][] = [];
  if (both !== undefined) {
    const why = 'measuring on what was learned proves nothing';
    problems.push(['heldOutSplits', `expected none of data.trainSplits, got '${both}' in both: ${why}`]);
  }
  if (data.layout === 'aiac' && data.folder === null)
    problems.push(['folder', 'expected the folder of the data in the AIAC layout, got null']);
  for (const name of ['frames', 'features'] as const) {
    const got = data[name];
    if (got === null) continue;
    if (data.layout === 'aiac')
      problems.push([name, `expected null where data.layout is aiac, whose records hold features, got ${got}`]);
    // A mistyped scheme would be taken for a folder.
    else if (ADDRESS.test(got) && !/^(https?|s3):\/\/[^/]/i.test(got))
      problems.push([name, `expected a folder, https://..., http://... or s3://bucket/key, got ${got}`]);
  }
  const name = data.folder;
  if (name !== null && ADDRESS.test(name))
    problems.push(['folder', `expected a folder, got ${name}: frames and features may be on a server (data.frames)`]);
  const found = problems.map(([setting, message]) => ({ path: ['data', setting], message }));
  if (features.statistics === 'clip' || features.tower !== null) return found;
  const why = 'the tower of the clip stage has learned from pixels normalised so';
  const message = `expected clip where features.tower is null, got ${features.statistics}: ${why}`;
  return [...found, { path: ['features', 'statistics'], message }];
}
