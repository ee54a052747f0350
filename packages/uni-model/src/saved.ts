import {
  ANY_OTHER,
  assertLayerCounts,
  assertModelKind,
  bertConfigJson,
  findShape,
  joinKeyMaps,
  parseBertConfig,
  parseSavedEncoder,
  SAVED_ENCODER_PREFIX,
  savedBertConfig,
  savedEncoderKeys,
  shapeOf,
  type KeyMap,
  type SavedEncoder,
  type WeightSource,
} from '@wbdc/checkpoints';
import { parseLayout, QQ_LAYOUT, WBDC_LAYOUT, type TextLayout } from '@wbdc/tokenizer';
import { QQ_LARGE, WBDC_BASE, type UniModelConfig } from './config.js';
import { uniModelKeyMap } from './keys.js';
import { uniModelShapes } from './shapes.js';

const MODEL = 'uni-model';

/** What a folder says of its model, or the caller where it does not. */
export interface Described {
  readonly config: UniModelConfig;
  readonly layout: TextLayout;
  /** Whether the frames' side may be missing. */
  readonly bertAlone: boolean;
  readonly keyMap: KeyMap;
}

/** What to take where the folder does not say it. */
export interface Unsaid {
  readonly frames?: Partial<Pick<UniModelConfig, 'frameSize' | 'maxFrames'>> | undefined;
  readonly layout?: TextLayout | undefined;
}

/**
 * The model of a `config.json` and the tensors beside it.
 *
 * @param where names the file in errors
 * @throws WbdcError where it is another model, or of more layers than there are tensors
 */
export function describeFolder(json: unknown, where: string, source: WeightSource, unsaid: Unsaid): Described {
  const saved = parseSavedEncoder(json, where);
  return saved ? ofCheckpoint(saved, where, source) : ofPyTorch(json, where, source, unsaid);
}

/** Of a checkpoint of wbdc: names are paths behind a prefix. */
function ofCheckpoint(saved: SavedEncoder, where: string, source: WeightSource): Described {
  assertModelKind(saved.model, MODEL, where);
  const shape = (path: string): readonly number[] => shapeOf(source, SAVED_ENCODER_PREFIX + path);
  assertLayerCounts({ layers: saved.bert.layers }, source);
  const config = {
    ...savedBertConfig(saved, source),
    frameSize: shape('frames.projection.weight')[0],
    maxFrames: shape('frames.embeddings.position')[0],
    frameSegment: 0,
  };
  const keyMap = joinKeyMaps(savedEncoderKeys(uniModelShapes(config)), ANY_OTHER);
  return { config, layout: parseLayout(saved.text, `${where}: text`), bertAlone: false, keyMap };
}

/** Of a BERT, with the frames' side as `saveUniModel` and both originals write it, or without. */
function ofPyTorch(json: unknown, where: string, source: WeightSource, unsaid: Unsaid): Described {
  const bert = parseBertConfig(json, where);
  assertLayerCounts({ layers: bert.layers }, source);
  const { wbdc } = json as { readonly wbdc?: Readonly<Record<string, unknown>> };
  if (wbdc) assertModelKind(wbdc.model, MODEL, where);
  const keys = uniModelKeyMap({ layers: 0 });
  const shape = (path: string) => findShape(source, keys, path);
  const [, frameSize = unsaid.frames?.frameSize ?? WBDC_BASE.frameSize] = shape('frames.projection.weight') ?? [];
  const [maxFrames = unsaid.frames?.maxFrames ?? WBDC_BASE.maxFrames] = shape('frames.embeddings.position') ?? [];
  return {
    config: { ...bert, frameSize, maxFrames, frameSegment: Number(wbdc?.frameSegment ?? 0) },
    layout: wbdc
      ? parseLayout(wbdc.text, `${where}: wbdc.text`)
      : (unsaid.layout ?? usualLayout(bert.maxPositions, frameSize)),
    bertAlone: !wbdc,
    keyMap: joinKeyMaps(uniModelKeyMap(bert), ANY_OTHER),
  };
}

/** The originals' layouts: AIAC's frames are of 1536 values. */
function usualLayout(maxPositions: number, frameSize: number): TextLayout {
  const layout = frameSize === QQ_LARGE.frameSize ? QQ_LAYOUT : WBDC_LAYOUT;
  return { ...layout, budget: Math.min(layout.budget, maxPositions) };
}

/** The `config.json` of a folder to save: that of a BERT, and beside it what a BERT has not. */
export function folderJson(config: UniModelConfig, layout: TextLayout): object {
  const wbdc = { version: 1, model: MODEL, frameSegment: config.frameSegment, text: layout };
  return { ...bertConfigJson(config, 'BertModel'), wbdc };
}
