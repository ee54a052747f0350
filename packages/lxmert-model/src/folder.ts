import { join } from 'node:path';
import {
  assertParamShapes,
  assertVocabularyFits,
  modelOf,
  exportWeights,
  joinSources,
  readWeights,
  withoutPrefixes,
  type WeightReport,
  type WeightSource,
} from '@wbdc/checkpoints';
import { saveFolder, usingWeights, type OpenWeightsOptions } from '@wbdc/checkpoints/node';
import { parseClipVisionConfig } from '@wbdc/clip-model';
import { readJson } from '@wbdc/io';
import { WbdcError } from '@wbdc/io/errors';
import type { Encoder, Key } from '@wbdc/nn';
import type { TextLayout, Tokenizer } from '@wbdc/tokenizer';
import { loadTokenizer, saveTokenizer } from '@wbdc/tokenizer/node';
import type { LxmertModelConfig } from './config.js';
import { lxmertModelKeyMap } from './keys.js';
import { lxmertModel, lxmertParts, type LxmertModel } from './lxmert-model.js';
import { isWbdcOriginal, readWbdcOriginal } from './originals.js';
import { describeFolder, folderJson, type Described, type Unsaid, type VideoSizes } from './saved.js';
import { lxmertModelShapes } from './shapes.js';

export interface LoadLxmertModelOptions extends OpenWeightsOptions {
  /**
   * Of a folder that lacks parts of the model: the key that draws them. The sizes of a folder with a BERT alone are
   * WBDC's where they are not given: Dv 768, 32 frames, 6 layers of the video stream, 3 cross-modality layers.
   */
  readonly fresh?: { readonly key: Key } & Partial<VideoSizes>;
  /** A folder with a CLIP as wide as the BERT: the video stream takes its vision tower's layers. */
  readonly vision?: string;
  /** How texts become a row of tokens, where the folder does not say it; WBDC's otherwise. */
  readonly layout?: TextLayout;
}

/** A model with all that its folder holds of it. */
export interface SavableLxmertModel {
  readonly params: LxmertModel;
  readonly config: LxmertModelConfig;
  readonly tokenizer: Tokenizer;
  /** How texts become a row of tokens. */
  readonly layout: TextLayout;
}

export interface LoadedLxmertModel extends SavableLxmertModel {
  readonly model: Encoder<LxmertModel>;
  /** What the folder lacked and what nobody needed. */
  readonly report: WeightReport;
}

/**
 * A double-stream model from one folder: a checkpoint of wbdc, a folder of {@link saveLxmertModel}, the WBDC 2022
 * original's state dict beside the `config.json` and `vocab.txt` of its BERT, a Hugging Face LXMERT (text, video and
 * cross-modality layers agree; class token and positions are drawn, boxes of objects are left out) or BERT (the rest is
 * drawn, or starts from a CLIP). The parameters are trainable variables: `disposeTree` frees them.
 *
 * @throws WbdcError or Error that names the file; sizes are compared with the tensors before anything is allocated
 */
export async function loadLxmertModel(
  folder: string,
  options: LoadLxmertModelOptions = {},
): Promise<LoadedLxmertModel> {
  const { fresh: { key, ...sizes } = {}, vision, layout, ...opening } = options;
  const where = join(folder, 'config.json');
  const json = await readJson(where);
  const tokenizer = await loadTokenizer(folder);
  const load = async (source: WeightSource, tower?: Unsaid['vision']): Promise<LoadedLxmertModel> => {
    const described = describeFolder(json, where, source, { sizes, layout, vision: tower });
    assertVocabularyFits(tokenizer.vocabSize, described.config, folder);
    return { ...(await readModel(described, source, key, folder)), tokenizer, layout: described.layout };
  };
  return usingWeights(
    folder,
    async (file) => {
      const named = withoutPrefixes(file);
      const source = isWbdcOriginal(named) ? readWbdcOriginal(named) : named;
      if (vision === undefined) return load(source);
      const path = join(vision, 'config.json');
      const tower = { folder: vision, config: parseClipVisionConfig(await readJson(path), false, path) };
      return usingWeights(vision, (clip) => load(joinSources(source, clip), tower));
    },
    opening,
  );
}

async function readModel(
  { config, keyMap, foreign }: Described,
  source: WeightSource,
  key: Key | undefined,
  folder: string,
): Promise<Pick<LoadedLxmertModel, 'model' | 'params' | 'config' | 'report'>> {
  const model = modelOf(join(folder, 'config.json'), () => lxmertModel(config));
  const fresh = foreign ? freshParts(key, config, folder) : new Map<string, () => object>();
  const { params, report } = await readWeights<LxmertModel>(lxmertModelShapes(config), keyMap, source, { fresh });
  return { model, params, config, report };
}

/** What draws each part that a folder may lack: all but the text. */
function freshParts(key: Key | undefined, config: LxmertModelConfig, folder: string): Map<string, () => object> {
  const parts = Object.entries<() => object>(lxmertParts(key ?? [0, 0], config)).filter(([part]) => part !== 'bert');
  if (key) return new Map(parts);
  const missing = (part: string) => (): never => {
    throw new WbdcError({
      where: folder,
      expected: 'the weights of a double-stream model',
      got: `a model without '${part}'`,
      advice: 'give options.fresh, whose key draws it',
      code: 'parts-missing',
    });
  };
  return new Map(parts.map(([part]) => [part, missing(part)]));
}

/**
 * Writes a folder that {@link loadLxmertModel} reads bit by bit: `model.safetensors`, `config.json` and the tokenizer.
 * For transformers it is a BERT, whose `AutoModel` and `AutoTokenizer` load the text side.
 *
 * @throws Error where the parameters are not the configuration's
 */
export async function saveLxmertModel(
  folder: string,
  { params, config, tokenizer, layout }: SavableLxmertModel,
): Promise<void> {
  assertParamShapes(params, lxmertModelShapes(config));
  await saveFolder(folder, exportWeights(params, lxmertModelKeyMap(config)), folderJson(config, layout));
  await saveTokenizer(tokenizer, folder);
}
