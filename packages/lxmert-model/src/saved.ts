import {
  ANY_OTHER,
  assertLayerCounts,
  assertModelKind,
  assertSameSizes,
  bertConfigJson,
  countLayers,
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
import type { ClipVisionConfig } from '@wbdc/clip-model';
import { WbdcError } from '@wbdc/io/errors';
import type { BertConfig } from '@wbdc/nn';
import { parseLayout, WBDC_LAYOUT, type TextLayout } from '@wbdc/tokenizer';
import { BASE, type LxmertModelConfig } from './config.js';
import { lxmertModelKeyMap } from './keys.js';
import { isWbdcOriginal } from './originals.js';
import { lxmertModelShapes } from './shapes.js';

const MODEL = 'lxmert-model';

type Fields = Readonly<Record<string, unknown>>;

/** Sizes of what a folder may lack. */
export type VideoSizes = Pick<LxmertModelConfig, 'frameSize' | 'maxFrames' | 'videoLayers' | 'crossLayers'>;

/** What to take where the folder does not say it. */
export interface Unsaid {
  readonly sizes?: Partial<VideoSizes> | undefined;
  readonly layout?: TextLayout | undefined;
  /** The CLIP tower, by its folder, whose layers the video stream takes. */
  readonly vision?: { readonly folder: string; readonly config: ClipVisionConfig } | undefined;
}

/** What a folder says of its model, or the caller where it does not. */
export interface Described {
  readonly config: LxmertModelConfig;
  readonly layout: TextLayout;
  /** Whether parts of the model may be missing: it is none that wbdc has saved. */
  readonly foreign: boolean;
  readonly keyMap: KeyMap;
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
  const { videoLayers, crossLayers, videoNorm, videoActivation } = saved;
  const shape = (path: string): readonly number[] => shapeOf(source, SAVED_ENCODER_PREFIX + path);
  assertLayerCounts({ layers: saved.bert.layers, videoLayers, crossLayers }, source);
  const config: LxmertModelConfig = {
    ...savedBertConfig(saved, source),
    frameSize: shape('video.projection.weight')[0],
    maxFrames: shape('video.position')[0] - 1,
    videoLayers,
    videoActivation,
    videoNorm,
    crossLayers,
  };
  const keyMap = joinKeyMaps(savedEncoderKeys(lxmertModelShapes(config)), ANY_OTHER);
  return { config, layout: parseLayout(saved.text, `${where}: text`), foreign: false, keyMap };
}

/** Of a BERT alone, with the rest as `saveLxmertModel` and WBDC's original write it, or of an LXMERT. */
function ofPyTorch(json: unknown, where: string, source: WeightSource, unsaid: Unsaid): Described {
  const { wbdc, ...fields } = (json ?? {}) as Fields & { readonly wbdc?: Fields };
  if (wbdc) assertModelKind(wbdc.model, MODEL, where);
  const isLxmert = fields.model_type === 'lxmert';
  const bert = isLxmert ? lxmertText(fields, where) : parseBertConfig(json, where);
  const told = wbdc ? savedSizes(wbdc) : isLxmert ? lxmertSizes(fields) : originalSizes(source);
  if (told && unsaid.vision) {
    const expected = 'a BERT alone, whose video stream a CLIP can start';
    throw new WbdcError({ where, expected, got: 'a model with a video stream' });
  }
  const sizes = told ?? clipSizes(bert, unsaid.vision);
  const { videoLayers = 0, crossLayers = 0 } = sizes; // of no file where they are not there
  assertLayerCounts({ layers: bert.layers, videoLayers, crossLayers }, source);
  const config = withTensorSizes({ ...BASE, ...unsaid.sizes, ...bert, ...sizes }, source);
  return {
    config,
    layout: wbdc ? parseLayout(wbdc.text, `${where}: wbdc.text`) : (unsaid.layout ?? usualLayout(bert)),
    foreign: !wbdc,
    keyMap: joinKeyMaps(lxmertModelKeyMap(config), ANY_OTHER),
  };
}

function lxmertText(fields: Fields, where: string): BertConfig {
  return parseBertConfig({ ...fields, model_type: 'bert', num_hidden_layers: fields.l_layers }, where);
}

/** Values of a file, which `lxmertModel` checks. */
type Sizes = Partial<Pick<LxmertModelConfig, (typeof SAVED_SIZES)[number] | 'frameSize'>>;

const SAVED_SIZES = ['videoLayers', 'videoActivation', 'videoNorm', 'crossLayers'] as const;

function savedSizes(wbdc: Fields): Sizes {
  return Object.fromEntries(SAVED_SIZES.map((name) => [name, wbdc[name]]));
}

function lxmertSizes({ r_layers, x_layers, visual_feat_dim }: Fields): Sizes {
  const sizes = { videoLayers: r_layers, crossLayers: x_layers, frameSize: visual_feat_dim, videoNorm: 'post' };
  return sizes as Sizes;
}

function originalSizes(source: WeightSource): Sizes | undefined {
  if (!isWbdcOriginal(source)) return undefined;
  return {
    videoLayers: countLayers(source, 'vision_encoder.encoder.layer.'),
    crossLayers: countLayers(source, 'cross_bert.x_layers.'),
    videoNorm: 'post',
  };
}

/** @throws SizesError where the tower's widths are not the text's */
function clipSizes(bert: BertConfig, vision: Unsaid['vision']): Sizes {
  if (!vision) return {};
  const { width: hiddenSize, heads, intermediateSize, layers: videoLayers, activation = 'quick' } = vision.config;
  const names = ['hiddenSize', 'heads', 'intermediateSize'] as const;
  assertSameSizes(vision.folder, names, bert, { hiddenSize, heads, intermediateSize });
  return { videoLayers, videoActivation: activation };
}

/** Sizes that stand in the tensors alone. */
function withTensorSizes(config: LxmertModelConfig, source: WeightSource): LxmertModelConfig {
  const keys = lxmertModelKeyMap({ ...config, layers: 0, videoLayers: 0, crossLayers: 0 });
  const [, frameSize = config.frameSize] = findShape(source, keys, 'video.projection.weight') ?? [];
  const [positions = 1 + config.maxFrames] = findShape(source, keys, 'video.position') ?? [];
  return { ...config, frameSize, maxFrames: positions - 1 };
}

function usualLayout({ maxPositions }: BertConfig): TextLayout {
  return { ...WBDC_LAYOUT, budget: Math.min(WBDC_LAYOUT.budget, maxPositions) };
}

/** The `config.json` of a folder to save: that of a BERT, and beside it what a BERT has not. */
export function folderJson(config: LxmertModelConfig, text: TextLayout): object {
  const { videoNorm = 'pre', ...sizes } = config;
  const own = Object.fromEntries(SAVED_SIZES.map((name) => [name, { ...sizes, videoNorm }[name]]));
  return { ...bertConfigJson(config, 'BertModel'), wbdc: { version: 1, model: MODEL, ...own, text } };
}
