import { joinKeyMaps, type KeyMap, type ParamShapes } from '@wbdc/checkpoints';
import { WbdcError } from '@wbdc/io/errors';
import {
  chineseClipTextKeyMap,
  chineseClipTextShapes,
  parseChineseClipTextConfig,
} from './chinese-clip-text-checkpoint.js';
import { clipVisionKeyMap, clipVisionShapes, parseClipVisionConfig } from './clip-checkpoint.js';
import type { ClipModelConfig } from './clip-model.js';
import { clipTextKeyMap, clipTextShapes, parseClipTextConfig } from './clip-text-checkpoint.js';

/**
 * The sizes of both towers in the `config.json` of a CLIP or a Chinese-CLIP.
 *
 * @throws WbdcError where it is of another model
 */
export function parseClipModelConfig(json: unknown, where = 'config.json'): ClipModelConfig {
  const { model_type: type } = (json ?? {}) as { readonly model_type?: unknown };
  if (type !== 'clip' && type !== 'chinese_clip') {
    const got = type === undefined ? 'none' : (JSON.stringify(type)?.slice(0, 60) ?? typeof type);
    throw new WbdcError({
      where: `${where}: model_type`,
      expected: 'clip or chinese_clip',
      got,
      code: 'model-foreign',
    });
  }
  const vision = parseClipVisionConfig(json, true, where);
  if (type === 'clip') return { kind: 'clip', vision, text: parseClipTextConfig(json, true, where) };
  return { kind: 'chinese-clip', vision, text: parseChineseClipTextConfig(json, where) };
}

/** Hugging Face's names of both towers and the temperature. */
export function clipModelKeyMap(config: ClipModelConfig): KeyMap {
  const text = { path: 'text.' };
  return joinKeyMaps(
    clipVisionKeyMap(config.vision, { path: 'vision.' }),
    config.kind === 'clip' ? clipTextKeyMap(config.text, text) : chineseClipTextKeyMap(config.text, text),
    { entries: [{ path: 'logitScale', names: ['logit_scale'] }], unused: [] },
  );
}

/** Paths and shapes of the parameters, those of `clipModel(config).init` and in its order. */
export function clipModelShapes(config: ClipModelConfig): ParamShapes {
  const text = config.kind === 'clip' ? clipTextShapes(config.text) : chineseClipTextShapes(config.text);
  return new Map<string, readonly number[]>([
    ...[...clipVisionShapes(config.vision)].map(([path, shape]) => [`vision.${path}`, shape] as const),
    ...[...text].map(([path, shape]) => [`text.${path}`, shape] as const),
    ['logitScale', []],
  ]);
}
