import * as tf from '@tensorflow/tfjs';
import type { Tensor2D } from '@tensorflow/tfjs';
import { assertLayerCounts, bertShapeEntries, linearShapes, readParams } from '@wbdc/checkpoints';
import { clipVision, clipVisionShapes } from '@wbdc/clip-model';
import { loadClipModel } from '@wbdc/clip-model/node';
import { readIfThere, readJson } from '@wbdc/io';
import { ints, l2Normalize, type ParamTree } from '@wbdc/nn';
import { clip, type ClipParams } from '@wbdc/pretrain-tasks/clip';
import { packText, type Tokenizer } from '@wbdc/tokenizer';
import { loadTokenizer } from '@wbdc/tokenizer/node';
import {
  CLIP_PREPROCESSING,
  parsePreprocessing,
  towerFeatures,
  type ComputeFeatures,
  type Preprocessing,
} from '@wbdc/video-features/plain';
import { join } from 'node:path';
import type { Observer } from '../observer.js';
import { parseSavedModel, upgradeSavedModel } from '../saved/saved-model.js';
import type { SavedClip } from '../saved/schema.js';
import { TrainedError } from '../trained/errors.js';
import { CONFIG_FILE, WEIGHTS_FILE } from '../trained/model-files.js';
import { filesInFolder } from '../trained/node/folder-files.js';
import { parseJson } from '../trained/read-model.js';

/** What the two kinds of models have in common: those of the CLIP stage, and published ones. */
export interface ClipSides {
  readonly params: ParamTree;
  readonly preprocessing: Preprocessing;
  /** E: values of a vector. */
  readonly width: number;
  /** What cosines are multiplied with before they become probabilities. */
  readonly scale: number;
  /** Vectors of frames `[n, E]`. */
  readonly frames: ComputeFeatures;
  /** Whether each frame counts the same, whatever the length of its vector. */
  readonly unitFrames: boolean;
  /** Unit vectors of texts `[B, E]`. */
  readonly texts: (texts: readonly string[]) => Tensor2D;
}

/**
 * Reads a model by its folder; its tokenizer's warnings are told.
 *
 * @throws TrainedError `model-foreign` where it is no CLIP; WbdcError
 */
export async function readClipSides(folder: string, observer: Observer): Promise<ClipSides> {
  const where = join(folder, CONFIG_FILE);
  const text = await readIfThere(where);
  const expected = 'a CLIP with both towers: of the clip stage, or as published';
  if (text === undefined) {
    throw new TrainedError({ where, expected, got: 'no such file', code: 'model-missing' });
  }
  const json = parseJson(text, where);
  if (!('version' in Object(upgradeSavedModel(json)))) return readPublished(folder, observer);
  const saved = parseSavedModel(json, where);
  if (saved.kind === 'clip') return readOwn(folder, saved, observer);
  throw new TrainedError({ where, expected, got: `a '${saved.kind}' model`, code: 'model-foreign' });
}

async function readOwn(folder: string, saved: SavedClip, observer: Observer): Promise<ClipSides> {
  const { vision, text, temperature } = saved;
  const tokenizer = await loadTokenizer(folder, observer);
  const weights = await filesInFolder(folder).openWeights(WEIGHTS_FILE);
  const below = (path: string, shapes: Iterable<readonly [string, readonly number[]]>) =>
    [...shapes].map(([name, shape]) => [`${path}${name}`, shape] as const);
  try {
    assertLayerCounts({ 'vision.layers': vision.layers, 'text.layers': text.layers }, weights);
    const shapes = new Map<string, readonly number[]>([
      ...below('vision.', clipVisionShapes(vision)),
      ...bertShapeEntries(text, 'text.'),
      ...linearShapes('projection', text.hiddenSize, vision.width),
      ...(temperature === 'learned' ? [['logScale', []] as const] : []),
    ]);
    const params = await readParams<ClipParams>(shapes, weights);
    const model = clip(saved);
    const scale =
      temperature === 'learned' ? Math.exp(Math.min(params.logScale!.dataSync()[0], MAX_LOG_SCALE)) : 1 / temperature;
    return {
      params: { ...params },
      preprocessing: { ...CLIP_PREPROCESSING, imageSize: vision.imageSize },
      width: vision.width,
      scale,
      frames: towerFeatures({ tower: clipVision(vision), params: params.vision }),
      unitFrames: false,
      texts: (texts) =>
        tf.tidy(() => l2Normalize(model.embedText(params, titleRows(texts, tokenizer, text.maxPositions)))),
    };
  } finally {
    await weights.close();
  }
}

/** The temperature is at least 1 / 100, as in training. */
const MAX_LOG_SCALE = Math.log(100);

function titleRows(texts: readonly string[], tokenizer: Tokenizer, budget: number) {
  const layout = { fields: ['title'], budget, separatorFirst: false };
  const rows = texts.map((title) => packText(tokenizer, { title }, layout).tokens);
  const width = Math.max(...rows.map((row) => row.length));
  const [tokens, textMask] = [ints([rows.length, width]), ints([rows.length, width])];
  rows.forEach((row, i) => {
    tokens.data.set(row, i * width);
    textMask.data.fill(1, i * width, i * width + row.length);
  });
  return { tokens, segments: ints(tokens.shape), textMask };
}

async function readPublished(folder: string, observer: Observer): Promise<ClipSides> {
  const { config, model, params, readTexts, warnings } = await loadClipModel(folder);
  for (const warning of warnings) observer.onWarning?.(warning);
  const { imageSize, projection } = config.vision;
  const settings = join(folder, 'preprocessor_config.json');
  const there = (await readIfThere(settings)) !== undefined;
  return {
    params: { ...params },
    preprocessing: there
      ? parsePreprocessing(await readJson(settings), imageSize, settings)
      : { ...CLIP_PREPROCESSING, imageSize },
    width: projection!,
    scale: Math.exp(params.logitScale.dataSync()[0]),
    frames: towerFeatures({ tower: clipVision(config.vision), params: params.vision, output: 'projected' }),
    unitFrames: true,
    texts: (texts) => model.embedTexts(params, readTexts(texts)),
  };
}
