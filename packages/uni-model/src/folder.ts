import { join } from 'node:path';
import {
  assertParamShapes,
  assertVocabularyFits,
  modelOf,
  exportWeights,
  readWeights,
  withoutPrefixes,
  type WeightReport,
} from '@wbdc/checkpoints';
import { saveFolder, usingWeights, type OpenWeightsOptions } from '@wbdc/checkpoints/node';
import { readJson } from '@wbdc/io';
import { WbdcError } from '@wbdc/io/errors';
import type { Encoder, Key } from '@wbdc/nn';
import type { TextLayout, Tokenizer } from '@wbdc/tokenizer';
import { loadTokenizer, saveTokenizer } from '@wbdc/tokenizer/node';
import type { UniModelConfig } from './config.js';
import { uniModelKeyMap } from './keys.js';
import { describeFolder, folderJson } from './saved.js';
import { uniModelShapes } from './shapes.js';
import { newFrames, uniModel, type UniModel } from './uni-model.js';

export interface LoadUniModelOptions extends OpenWeightsOptions {
  /** Of a folder with a BERT alone: the key that draws the frames' side, Dv (768) and the most frames (32). */
  readonly fresh?: { readonly key: Key } & Partial<Pick<UniModelConfig, 'frameSize' | 'maxFrames'>>;
  /** How texts become a row of tokens, where the folder does not say it. */
  readonly layout?: TextLayout;
}

/** A model with all that its folder holds of it. */
export interface SavableUniModel {
  readonly params: UniModel;
  readonly config: UniModelConfig;
  readonly tokenizer: Tokenizer;
  /** How texts become a row of tokens. */
  readonly layout: TextLayout;
}

export interface LoadedUniModel extends SavableUniModel {
  readonly model: Encoder<UniModel>;
  /** What the folder lacked and what nobody needed. */
  readonly report: WeightReport;
}

/**
 * A single-stream model from one folder: a checkpoint of wbdc, a folder of {@link saveUniModel}, a Hugging Face BERT
 * (the frames' side is drawn from `options.fresh`), or a state dict of the AIAC 2021 and WBDC 2022 originals beside the
 * `config.json` and `vocab.txt` of its BERT. The parameters are trainable variables: `disposeTree` frees them.
 *
 * Where a folder does not say its layout it is WBDC's, or for frames of 1536 values AIAC's.
 *
 * @throws WbdcError or Error that names the file; sizes are compared with the tensors before anything is allocated
 */
export async function loadUniModel(folder: string, options: LoadUniModelOptions = {}): Promise<LoadedUniModel> {
  const { fresh, layout, ...opening } = options;
  const where = join(folder, 'config.json');
  const json = await readJson(where);
  const tokenizer = await loadTokenizer(folder);
  return usingWeights(
    folder,
    async (file) => {
      const source = withoutPrefixes(file);
      const described = describeFolder(json, where, source, { frames: fresh, layout });
      const { config, keyMap } = described;
      assertVocabularyFits(tokenizer.vocabSize, config, folder);
      const model = modelOf(where, () => uniModel(config));
      const { params, report } = await readWeights<UniModel>(uniModelShapes(config), keyMap, source, {
        fresh: new Map(described.bertAlone ? [['frames', () => newFrames(keyOf(fresh, folder), config)]] : []),
      });
      return { model, params, config, tokenizer, layout: described.layout, report };
    },
    opening,
  );
}

function keyOf(fresh: LoadUniModelOptions['fresh'], folder: string): Key {
  if (fresh) return fresh.key;
  throw new WbdcError({
    where: folder,
    expected: 'the weights of a single-stream model',
    got: 'a BERT without the frames’ side',
    advice: 'give options.fresh, whose key draws it',
    code: 'frames-missing',
  });
}

/**
 * Writes a folder that {@link loadUniModel} reads bit by bit: `model.safetensors`, `config.json` and the tokenizer. For
 * transformers it is a BERT, whose `AutoModel` and `AutoTokenizer` load the text side.
 *
 * @throws Error where the parameters are not the configuration's
 */
export async function saveUniModel(
  folder: string,
  { params, config, tokenizer, layout }: SavableUniModel,
): Promise<void> {
  assertParamShapes(params, uniModelShapes(config));
  await saveFolder(folder, exportWeights(params, uniModelKeyMap(config)), folderJson(config, layout));
  await saveTokenizer(tokenizer, folder);
}
