import {
  bertKeyMap,
  bertShapeEntries,
  joinKeyMaps,
  parseBertConfig,
  type KeyMap,
  type ParamShapes,
} from '@wbdc/checkpoints';
import { WbdcError } from '@wbdc/io/errors';
import type { ChineseClipTextConfig } from './chinese-clip-text.js';

const PROJECTION = 'text_projection.weight';

/** Hugging Face's names of Chinese-CLIP's text tower, from a whole Chinese-CLIP. */
export function chineseClipTextKeyMap(
  { layers }: Pick<ChineseClipTextConfig, 'layers'>,
  { path = '' }: { path?: string } = {},
): KeyMap {
  return joinKeyMaps(bertKeyMap(layers, { path: `${path}bert.`, prefixes: ['text_model.', ''] }), {
    entries: [{ path: `${path}projection`, names: [PROJECTION], permute: [1, 0] }],
    unused: [
      { pattern: '{vision_model,visual_projection}.**', reason: 'the vision tower' },
      { pattern: 'logit_scale', reason: 'the temperature of the two towers' },
      { pattern: 'text_model.pooler.**', reason: 'the pooler belongs to next-sentence prediction' },
      { pattern: 'text_model.embeddings.*_ids', reason: 'constants, not weights' },
    ],
  });
}

/** transformers' defaults, which a file need not repeat. */
const DEFAULTS = {
  vocab_size: 30522,
  hidden_size: 768,
  num_hidden_layers: 12,
  num_attention_heads: 12,
  intermediate_size: 3072,
  max_position_embeddings: 512,
  type_vocab_size: 2,
};

/**
 * Sizes of the text tower in the `config.json` of a Chinese-CLIP.
 *
 * @throws WbdcError where it is of another model, or of one whose text side is no BERT
 */
export function parseChineseClipTextConfig(json: unknown, where = 'config.json'): ChineseClipTextConfig {
  const root = json as { readonly text_config?: object; readonly projection_dim?: unknown } | null;
  const { text_config: text, projection_dim: projection = 512 } = root ?? {};
  if (typeof text !== 'object' || text === null) {
    throw new WbdcError({ where: `${where}: text_config`, expected: 'an object', got: typeof text });
  }
  if (!Number.isSafeInteger(projection) || Number(projection) < 1) {
    const got = JSON.stringify(projection)?.slice(0, 40) ?? typeof projection;
    throw new WbdcError({ where: `${where}: projection_dim`, expected: 'a whole number from 1', got });
  }
  const bert = parseBertConfig({ ...DEFAULTS, ...text, model_type: 'bert' }, `${where}: text_config`);
  return { ...bert, projection: Number(projection) };
}

/** Paths and shapes of a tower's parameters, those of `chineseClipText(config).init` and in its order. */
export function chineseClipTextShapes(config: ChineseClipTextConfig): ParamShapes {
  return new Map([
    ...bertShapeEntries(config, 'bert.'),
    ['projection', [config.hiddenSize, config.projection]] as const,
  ]);
}
