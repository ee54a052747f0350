import { disposeTree } from '@wbdc/nn';
import {
  decodeFrames,
  framesOf,
  towerFeatures,
  type ComputeFeatures,
  type DecodedVideo,
  type Image,
  type Preprocessing,
  type Sampling,
  type VideoFeatures,
} from '@wbdc/video-features/plain';
import type { InferenceDtype } from '@wbdc/video-features/onnx';
import { tableOf, type Entry } from './entries.js';
import type { FileInput } from './inputs.js';
import { featureRecipeOf, samplingOf, type FrameReader } from './predict.js';
import type { ReadModel, TrainedHeads } from './read-model.js';
import { featureRule, type FeatureRule, type Sha256, type Tower } from './tower.js';

/** How a file becomes frames. */
interface FileSettings {
  readonly preprocessing: Preprocessing;
  readonly sampling: Sampling;
}

/** Heads that something else computes. */
export interface OpenHeads {
  readonly heads: TrainedHeads;
  close(): Promise<void>;
}

/** A tower that something else computes. */
interface OpenCompute {
  readonly compute: ComputeFeatures;
  close(): Promise<void>;
}

/** Weights that are not what their files hold. */
export interface Precision {
  readonly dtype: Exclude<InferenceDtype, 'fp32'>;
  /** Whatever else decides the values. */
  readonly details: string;
}

/** What differs between Node and a browser. */
export interface Platform {
  readonly sha256: Sha256;
  /** Opens the model's vision tower; asked once somebody gives frames. */
  readonly openTower: () => Promise<Tower>;
  /** Decodes a file, from its path or its contents. @throws SourceError where the file is at fault */
  readonly decodeFile: (id: string, video: FileInput['video'], settings: FileSettings) => Promise<DecodedVideo>;
  /** In what weights are kept, where that is not float32. */
  readonly precision?: Precision;
  /** Computes heads in place of tfjs's engine. */
  readonly openHeads?: (model: ReadModel) => Promise<OpenHeads>;
  /** Computes the tower in place of tfjs's engine. */
  readonly openCompute?: (tower: Tower, output: FeatureRule['output']) => Promise<OpenCompute>;
  /** A picture as the tower sees it. */
  readonly crop: (image: Image, preprocessing: Preprocessing) => Image | Promise<Image>;
}

/** All frames of one video are in memory at once. */
const MOST_FRAMES = 10_000;

interface OpenTower extends FeatureRule {
  readonly tower: Tower;
  readonly compute: ComputeFeatures;
  readonly close?: () => Promise<void>;
}

/** Gives frames to a model's vision tower, which is opened when the first are there: features alone need none. */
export class TowerReader implements FrameReader {
  readonly #model: ReadModel;
  readonly #platform: Platform;
  #opening: Promise<OpenTower> | undefined;

  constructor(model: ReadModel, platform: Platform) {
    this.#model = model;
    this.#platform = platform;
  }

  readonly compute: ComputeFeatures = async (pixels, count) => (await this.#open()).compute(pixels, count);

  async read({ id, input }: Entry): Promise<DecodedVideo | VideoFeatures> {
    if ('features' in input) return { id, features: tableOf(input.features, this.#model.sizes.frameSize, id) };
    const { preprocessing } = await this.#open();
    const sampling = samplingOf(this.#model);
    if ('video' in input) return this.#platform.decodeFile(id, input.video, { preprocessing, sampling });
    return decodeFrames(id, framesOf(input.frames, id), {
      sampling,
      imageSize: preprocessing.imageSize,
      maxTaken: MOST_FRAMES,
      crop: (image) => this.#platform.crop(image, preprocessing),
    });
  }

  async close(): Promise<void> {
    const open = await this.#opening?.catch(() => undefined);
    await open?.close?.();
    if (open !== undefined) disposeTree(open.tower.params);
    this.#opening = undefined;
  }

  #open(): Promise<OpenTower> {
    this.#opening ??= this.#openTower();
    return this.#opening;
  }

  async #openTower(): Promise<OpenTower> {
    const { where, sizes } = this.#model;
    const tower = await this.#platform.openTower();
    try {
      const model = { where, frameSize: sizes.frameSize, recipe: featureRecipeOf(this.#model) };
      const rule = await featureRule(tower, model, this.#platform.sha256);
      const graph = await this.#platform.openCompute?.(tower, rule.output);
      return { tower, ...rule, ...(graph ?? { compute: towerFeatures({ ...tower, output: rule.output }) }) };
    } catch (error) {
      disposeTree(tower.params);
      throw error;
    }
  }
}
