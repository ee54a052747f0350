import type { BertConfig, ParamTree } from '@wbdc/nn';
import { readBertConfig, usingWeights } from './weights-file.js';
import { bertKeyMap } from './weights/bert-keys.js';
import { loadWeights } from './weights/load.js';
import type { WeightReport } from './weights/report.js';
import { assertSameSizes } from './weights/sizes.js';

/** Sizes a BERT must agree in; dropout is the training's own. */
const SIZES = ['vocabSize', 'hiddenSize', 'layers', 'heads', 'intermediateSize', 'maxPositions'] as const;

export interface StartFromBertOptions {
  /** Path of the BERT in the tree with a dot behind it, such as `encoder.bert.`; empty where it is the tree. */
  readonly path?: string;
  /** Path of the masked language model's head, such as `heads.mlm`. A checkpoint may come without one. */
  readonly mlmHead?: string;
}

/**
 * Gives a BERT in a tree of variables the values of a published one: a folder with `config.json` and weights.
 *
 * @param sizes those of the BERT in the tree
 * @throws SizesError where the checkpoint's are others; Error where a tensor is missing or unknown
 */
export async function startFromBert(
  params: ParamTree,
  sizes: Pick<BertConfig, (typeof SIZES)[number]>,
  folder: string,
  { path = '', mlmHead }: StartFromBertOptions = {},
): Promise<WeightReport> {
  assertSameSizes(folder, SIZES, sizes, await readBertConfig(folder));
  const keyMap = bertKeyMap(sizes.layers, { path, ...(mlmHead !== undefined && { mlmHead }) });
  const allowMissing = mlmHead === undefined ? [] : [`${mlmHead}.**`];
  return usingWeights(folder, (file) => loadWeights(params, keyMap, file, { allowMissing }));
}
