import { join } from 'node:path';
import { aiacLayout, wbdcLayout } from '@wbdc/data';
import { exists } from '@wbdc/io';
import { WbdcError } from '@wbdc/io/errors';
import { AFTER_TEXT, corpusSettings, EMBEDDED_CORPORA } from '../general-text.js';
import { AIAC, BASE, ENTRIES, type Entry, type Half } from './plan.js';

/** Embedded data of which a corpus is read before the videos; `demo` has none and is told by nothing. */
interface GeneralText {
  readonly layout: 'embedded';
  readonly set: keyof typeof EMBEDDED_CORPORA;
}

/** A data set of one's own in an official layout. */
export interface OwnFolder {
  /** Absolute. */
  readonly folder: string;
  readonly layout: 'wbdc' | 'aiac';
  /** Scored pairs of a data set in the WBDC layout, which has none itself. */
  readonly pairs?: { readonly train: string; readonly heldOut?: string | undefined } | undefined;
}

export type OwnData = OwnFolder | GeneralText;

/**
 * What of the competitions a data set can be used for: categories need the WBDC layout, similarity needs scored pairs.
 *
 * @throws WbdcError where a half is asked for that it cannot
 */
export function halvesFor(data: OwnData | undefined, asked: Half | 'both'): Half[] {
  const hasPairs = !isOwn(data) || data.layout === 'aiac' || data.pairs !== undefined;
  const possible: Half[] = [
    ...(hasPairs ? (['aiac'] as const) : []),
    ...(data?.layout === 'aiac' ? [] : (['wbdc'] as const)),
  ];
  const halves = possible.filter((half) => asked === 'both' || asked === half);
  if (halves.length > 0) return halves;
  const [expected, advice] =
    asked === 'aiac'
      ? ['scored pairs for similarity', 'name them with --pairs']
      : ['a data set with categories', 'the AIAC layout has none: use --half aiac'];
  throw new WbdcError({ where: isOwn(data) ? data.folder : 'the data', expected, got: 'none', advice });
}

/** Whether it is somebody's folder, not the embedded data. */
export const isOwn = (data: OwnData | undefined): data is OwnFolder => data !== undefined && data.layout !== 'embedded';

/** `the embedded data`, for people. */
export function dataName(data: OwnData | undefined): string {
  if (isOwn(data)) return data.folder;
  return data === undefined ? 'the embedded data' : 'the embedded data, after general text';
}

/** The settings that name the data, for every stage. */
export function dataSettings(data: OwnData | undefined): string[] {
  if (data === undefined) return [];
  if (!isOwn(data)) return [`data.set=${data.set}`, ...corpusSettings(EMBEDDED_CORPORA[data.set]), ...AFTER_TEXT];
  const { folder, layout, pairs } = data;
  if (layout === 'aiac') {
    return [
      ...[`data.folder=${folder}`, 'data.layout=aiac', 'data.trainSplits=[pointwise, pairwise]'],
      ...['finetune.splits=[pairwise]', 'frames.choice=aiac'],
    ];
  }
  const heldOut = pairs?.heldOut === undefined ? '' : `, heldOut: ${JSON.stringify(pairs.heldOut)}`;
  return [
    `data.folder=${folder}`,
    ...(pairs ? [`finetune.pairs={train: ${JSON.stringify(pairs.train)}${heldOut}}`] : []),
  ];
}

/** What all models read: records of AIAC bring their features; a corpus is read once. */
export function baseFor(data: OwnData | undefined): Entry {
  if (data?.layout === 'aiac') return { ...BASE, stages: ['data', 'vocab'] };
  return data?.layout === 'embedded' ? { ...BASE, stages: [...BASE.stages, 'text'] } : BASE;
}

/**
 * The models of a half. Two of AIAC's jobs name splits, which are called otherwise in its own layout; one goes on from
 * another's pretraining, not from the corpus.
 */
export function entriesFor(data: OwnData | undefined, half: Half): readonly Entry[] {
  if (half === 'wbdc' || !data || data.layout === 'wbdc') return ENTRIES[half];
  if (data.layout === 'embedded') {
    return AIAC.map((entry) => (entry.from === undefined ? entry : { ...entry, set: ['corpus.start=false'] }));
  }
  const splits: Readonly<Record<string, string>> = { job4: '[pairwise]', job5: '[pointwise, pairwise, test_a]' };
  return AIAC.map((entry) =>
    entry.name in splits ? { ...entry, set: [...(entry.set ?? []), `train.splits=${splits[entry.name]}`] } : entry,
  );
}

/** Where annotations, frames and truth stand. */
export function dataRootOf(data: OwnData | undefined, root: string): string {
  return data?.layout === 'wbdc' ? data.folder : join(root, BASE.name, 'data');
}

/** The file of held-out pairs; nothing where they are not known, as in the official data. */
export async function heldOutPairs(data: OwnData | undefined, root: string): Promise<string | undefined> {
  if (!isOwn(data)) return aiacLayout(join(root, AIAC[0].name, 'finetune', 'aiac')).labels('test_a');
  if (data.layout === 'wbdc') return data.pairs?.heldOut;
  const path = aiacLayout(data.folder).labels('test_a');
  return (await exists(path)) ? path : undefined;
}

/** The file of the held-out videos' categories; nothing where they are not known. */
export async function heldOutTruth(data: OwnData | undefined, root: string): Promise<string | undefined> {
  const path = wbdcLayout(dataRootOf(data, root)).truth('test_a');
  return (await exists(path)) ? path : undefined;
}
