import { bertKeyMap, formatWeightReport, loadWeights, type KeyMap } from '@wbdc/checkpoints';
import { type BertConfig, type ParamTree } from '@wbdc/nn';
import { openWeights, readBertConfig } from '@wbdc/checkpoints/node';
import { readJson } from '@wbdc/io';
import { clipVisionKeyMap, parseClipVisionConfig, type ClipVisionConfig } from '@wbdc/clip-model';
import { UserError } from '../errors.js';
import { modelFolder, type FetchOptions } from '../published-model.js';

/** Which part of the parameters starts from a published checkpoint. */
export interface Start {
  /** The setting that asks for it, for messages: `model.init`. */
  readonly setting: string;
  /** As set: {@link modelFolder} finds it. */
  readonly folder: string;
  /** Path of the part in the tree, with a dot behind it. */
  readonly path: string;
}

/** Sizes a checkpoint must agree in; dropout is the training's own. */
const BERT_SIZES = ['vocabSize', 'hiddenSize', 'layers', 'heads', 'intermediateSize', 'maxPositions'] as const;
const VISION_SIZES = ['imageSize', 'patchSize', 'width', 'layers', 'heads', 'intermediateSize', 'activation'] as const;

/**
 * Gives a BERT in the tree, and the head of the masked language model where its path is given, the values of a
 * published checkpoint, and prints what became of every tensor. A checkpoint may come without the head.
 */
export async function startFromBert(
  params: ParamTree,
  sizes: Pick<BertConfig, (typeof BERT_SIZES)[number]>,
  start: Start & { readonly mlmHead?: string },
  options: FetchOptions,
): Promise<void> {
  const folder = await modelFolder(start.setting, start.folder, options);
  assertSizes(start.setting, folder, BERT_SIZES, sizes, await readBertConfig(folder));
  const { path, mlmHead } = start;
  const keyMap = bertKeyMap(sizes.layers, { path, ...(mlmHead !== undefined && { mlmHead }) });
  await load(params, keyMap, folder, mlmHead === undefined ? [] : [`${mlmHead}.**`], options);
}

/** The same for a CLIP's vision tower. */
export async function startFromClipVision(
  params: ParamTree,
  sizes: ClipVisionConfig,
  start: Start,
  options: FetchOptions,
): Promise<void> {
  const folder = await modelFolder(start.setting, start.folder, options);
  const where = `${folder}/config.json`;
  const there = parseClipVisionConfig(await readJson(where), false, where);
  assertSizes(start.setting, folder, VISION_SIZES, { activation: 'quick', ...sizes }, there);
  await load(params, clipVisionKeyMap(sizes, { path: start.path }), folder, [], options);
}

async function load(
  params: ParamTree,
  keyMap: KeyMap,
  folder: string,
  allowMissing: readonly string[],
  { output }: FetchOptions,
): Promise<void> {
  const file = await openWeights(folder);
  try {
    output.say(formatWeightReport(await loadWeights(params, keyMap, file, { allowMissing })));
  } finally {
    await file.close();
  }
}

/** The number of heads leaves no trace in any shape: loading alone would not notice that it differs. */
function assertSizes<Name extends string>(
  setting: string,
  folder: string,
  names: readonly Name[],
  here: Partial<Record<Name, unknown>>,
  there: Partial<Record<Name, unknown>>,
): void {
  const different = names.filter((name) => here[name] !== there[name]);
  if (different.length === 0) return;
  throw new UserError(
    [
      `${setting}: ${folder} holds a model of other sizes:`,
      ...different.map(
        (name) => `  ${name}: expected ${String(here[name])} by the configuration, got ${String(there[name])}`,
      ),
      `set the sizes of the checkpoint${different.some((name) => name === 'vocabSize') ? `, and vocab.folder=${folder}` : ''}`,
    ].join('\n'),
  );
}
