import { SizesError } from '@wbdc/checkpoints';
import { equalFrames, wbdcLayout } from '@wbdc/data';
import { readTruth } from '@wbdc/finetune/node';
import { exists } from '@wbdc/io';
import { readSplitIds } from '@wbdc/pipeline/features';
import {
  finetune,
  pretrainedTags,
  tagChooser,
  textsOfSets,
  type FinetuneData,
  type FinetuneOptions,
  type InitialWeights,
} from '@wbdc/pipeline/node';
import { loadTokenizer } from '@wbdc/tokenizer/node';
import { join, resolve } from 'node:path';
import type { Config } from '../../config/schema.js';
import { UserError } from '../../core/errors.js';
import { modelFolder } from '../../core/published-model.js';
import { startModel } from '../../core/served-model.js';
import type { StageContext, StageResult } from '../../run/stage.js';
import { dataRoot, layoutOf, placesOf } from '../data-root.js';
import { sizesMismatch } from '../published.js';
import { runInStage } from '../training.js';
import { openInputs, type Inputs } from './inputs.js';
import { readPairs } from './pairs.js';
import { stageResultOf } from './result.js';

/** Finetunes the video-text model and predicts the held-out splits. */
export async function runFinetuneStage(context: StageContext): Promise<StageResult> {
  const { config, upstream } = context;
  assertSplits(config);
  const tokenizer = await loadTokenizer(upstream('vocab'), context.output);
  const inputs = await openInputs(context, tokenizer);
  try {
    const init = await initialWeights(context);
    const training = await inputs.open(learnedSplits(config), await tagsFor(config, init));
    const heldOut = await inputs.open(config.data.heldOutSplits, training.dataset.tags);
    const data = { training: training.dataset, heldOut: heldOut.dataset, features: training.recipe };
    const options = {
      settings: { ...config, finetune: withFolders(context) },
      tokenizer,
      init,
      data: {
        ...data,
        ...(await labelsOf(context, data)),
        ...(await groupsOf(context)),
        texts: textsOfSets([training, heldOut]),
        open: (split: string) => openSplit(inputs, split),
      },
      extractor: inputs.extractor,
      files: config.finetune.kind === 'category' ? await categoryNames(context) : [],
    };
    const result = await finetuneInStage(context, options);
    const tower = inputs.extractor ? [inputs.extractor.read] : [];
    return { ...stageResultOf(result), read: [...tower, ...training.read, ...heldOut.read] };
  } finally {
    await inputs.close();
  }
}

/** In the words of the settings where a published checkpoint has other sizes. */
async function finetuneInStage(context: StageContext, options: Omit<FinetuneOptions, 'folder'>) {
  return runInStage(context, (run) => finetune({ ...options, ...run })).catch((cause: unknown) => {
    const { init } = options;
    if (!(cause instanceof SizesError) || !init || 'checkpoint' in init || 'corpus' in init) throw cause;
    const ofVision = init.vision !== undefined && cause.folder === init.vision;
    throw sizesMismatch(ofVision ? 'model.videoInit' : 'model.init', cause.folder, cause);
  });
}

async function openSplit(inputs: Inputs, split: string) {
  return (await inputs.open([split])).dataset;
}

/** The settings with folders as they are found from the working folder. */
function withFolders({ config, output }: StageContext): Config['finetune'] {
  const { distill, mined } = config.finetune;
  const found = (path: string): string => (path.includes('://') ? path : resolve(output.terminal.folder, path));
  const teachers = distill && { ...distill, from: distill.from.map(found) };
  return { ...config.finetune, distill: teachers, mined: mined && { ...mined, index: found(mined.index) } };
}

/** The labelled splits, and those that an ensemble has predicted. */
function learnedSplits({ finetune: { splits, distill } }: Config): string[] {
  return [...new Set([...splits, ...(distill?.splits ?? [])])];
}

/** The features stage has only these. */
function assertSplits({ finetune: { splits, distill, predict }, data }: Config): void {
  const named = { splits, 'distill.splits': distill?.splits ?? [], predict };
  for (const [setting, list] of Object.entries(named)) {
    const foreign = list.find((name) => !data.trainSplits.includes(name));
    if (foreign === undefined) continue;
    throw new UserError(
      `finetune.${setting}: expected some of data.trainSplits (${data.trainSplits.join(', ')}), got '${foreign}'`,
    );
  }
}

/** The weights that `finetune.init` names. */
async function initialWeights(context: StageContext): Promise<InitialWeights | undefined> {
  const { config, output, upstream } = context;
  const { model, finetune: settings } = config;
  if (settings.init === 'none') {
    const bert = model.init && (await modelFolder('model.init', model.init, context));
    const vision = model.videoInit && (await modelFolder('model.videoInit', model.videoInit, context));
    if (bert || vision) return { ...(bert && { bert }), ...(vision && { vision }) };
    output.say('finetune.init is none: fresh weights');
    return undefined;
  }
  if (settings.init === 'text') return { corpus: upstream('text') };
  const named = settings.init === 'pretrain' ? join(upstream('pretrain'), 'checkpoints') : settings.init;
  return { checkpoint: await startModel('finetune.init', named, context) };
}

/** The tags to finetune for: those of the pretraining, or the most frequent ones. */
async function tagsFor({ finetune: { kind, tags } }: Config, init: InitialWeights | undefined) {
  if (kind !== 'tags') return [];
  if (tags.head === 'fresh') return tagChooser(tags, [], undefined, 'finetune.tags');
  return (await pretrainedTags(init)).tags;
}

/** Labels that stand outside the data sets: the truth of held-out videos, or pairs. */
async function labelsOf(
  context: StageContext,
  { training, heldOut }: Pick<FinetuneData, 'training' | 'heldOut'>,
): Promise<Pick<FinetuneData, 'truth' | 'pairs'>> {
  const { kind } = context.config.finetune;
  if (kind === 'tags') return {};
  if (kind === 'similarity') return { pairs: await readPairs(context, training, heldOut) };
  const truth = new Map<string, string>();
  for (const split of context.config.data.heldOutSplits) {
    const path = wbdcLayout(dataRoot(context)).truth(split);
    if (await exists(path)) for (const [id, category] of await readTruth(path)) truth.set(id, category);
  }
  return { truth };
}

/**
 * Videos of equal frames, which no fold divides; those of AIAC's records are in the annotations that the data stage
 * made.
 */
async function groupsOf(context: StageContext): Promise<Pick<FinetuneData, 'groups'>> {
  const { config, signal } = context;
  const divides = config.finetune.folds !== null || config.finetune.kind === 'similarity';
  if (!divides || config.data.layout !== 'wbdc') return {};
  const layout = layoutOf(context);
  const zips = [];
  for (const split of learnedSplits(config)) {
    const ids = await readSplitIds(layout.root, split, config.data.maxBadShare);
    for (const id of ids) zips.push({ id, path: layout.frameZip(split, id) });
  }
  return { groups: await equalFrames(zips, signal, placesOf(context).remote) };
}

/** The file with the categories' names, where there is one. */
async function categoryNames(context: StageContext): Promise<string[]> {
  const path = wbdcLayout(dataRoot(context)).categories;
  return (await exists(path)) ? [path] : [];
}
