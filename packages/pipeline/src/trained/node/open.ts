import { createHash } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { lacksVnni } from '@wbdc/checkpoints/node';
import { cropForTower, decodeVideo, type DecodeVideo, type OpenOptions, type VideoInput } from '@wbdc/video-features';
import { onnxFeatures } from '@wbdc/video-features/onnx';
import type { Platform } from '../frame-reader.js';
import type { FileInput } from '../inputs.js';
import { filesInMemory, TOWER_FOLDER, type ModelBytes, type ModelFiles } from '../model-files.js';
import { openOnnxHeads, type OnnxOptions } from '../onnx.js';
import { openModel } from '../open-trained.js';
import { readQuantization } from '../quantization.js';
import type { ReadModel } from '../read-model.js';
import { readTower, type FeatureRule, type Sha256, type Tower } from '../tower.js';
import type { TrainedModel } from '../trained-model.js';
import { filesAt } from '../web/url-files.js';
import { findModel } from './find-model.js';
import { findTower, namedTower } from './find-tower.js';
import { filesInFolder } from './folder-files.js';
import type { HubOptions } from './hub-folder.js';

/** How a model is opened. */
export interface OpenTrainedOptions extends HubOptions, OpenOptions {
  /**
   * Its vision tower: a folder, a CLIP stage, a model of the hub, an address, or files in memory. Default: the one in
   * the model's folder, or that of the run it was made in. It is opened when the first frames are there.
   */
  readonly tower?: string | URL | ModelBytes;
  /** What decodes files: this thread by default, or that of `decodeWorkers` of @wbdc/video-features. */
  readonly decode?: DecodeVideo;
  /** Computes tower, encoder and head as whole graphs on ONNX Runtime, in place of tfjs's engine. */
  readonly onnx?: OnnxOptions | undefined;
}

/**
 * Opens a trained model. tfjs's engine is the caller's choice: `await tf.setBackend(...)` before.
 *
 * @param source a run, a stage, or the folder of a checkpoint or model; `hub:owner/name`; the address of a folder; or
 *   the contents of its files by name
 * @throws TrainedError where there is no model, or one of another kind
 */
export async function openTrained(
  source: string | URL | ModelBytes,
  options: OpenTrainedOptions = {},
): Promise<TrainedModel> {
  const { observer = {}, onnx } = options;
  const found = await modelSource(source, options);
  const platform = { ...filesPlatform(found, options), ...(onnx && (await onnxPlatform(found.files, onnx))) };
  return openModel(found.files, platform, observer);
}

/** Towers and videos in files. */
export function filesPlatform(
  { files, folder }: ModelSource,
  { decode = decodeVideo, limits, backend, remote, ...options }: Omit<OpenTrainedOptions, 'onnx'>,
): Platform {
  const sources = { ...(limits && { limits }), ...(backend && { backend }), ...(remote && { remote }) };
  return {
    sha256,
    openTower: async () => readTower(await towerFiles(files, folder, options)),
    decodeFile: (id, video, settings) => decode(videoInput(id, video), { ...settings, ...sources }),
    crop: cropForTower,
  };
}

/** Model and tower as graphs; whole numbers by the ranges beside the model, where there are any. */
async function onnxPlatform(files: ModelFiles, { runtime, dtype = 'fp32', ...asked }: OnnxOptions) {
  const found = dtype === 'int8' ? await readQuantization(files) : undefined;
  const { reduceRange = dtype === 'int8' && lacksVnni() } = asked;
  const session = { ...asked, dtype, reduceRange };
  const details = JSON.stringify([reduceRange, found?.model ?? null]);
  return {
    ...(dtype !== 'fp32' && { precision: { dtype, details } }),
    openHeads: (model: ReadModel) => openOnnxHeads(model, { runtime, ...session, ranges: found?.model }),
    openCompute: ({ tower: { config }, params }: Tower, output: FeatureRule['output']) =>
      onnxFeatures(runtime, { params, config, output, ...session, ranges: found?.tower }),
  };
}

/** Where a model is. */
export interface ModelSource {
  readonly files: ModelFiles;
  /** Where its files are in one. */
  readonly folder?: string;
}

/** The files of a model by any name that {@link openTrained} takes. */
export async function modelSource(source: string | URL | ModelBytes, options: HubOptions): Promise<ModelSource> {
  const path = source instanceof URL && source.protocol === 'file:' ? fileURLToPath(source) : source;
  if (path instanceof URL) return { files: filesAt(path) };
  if (typeof path !== 'string') return { files: filesInMemory(path) };
  const folder = await findModel(path, options);
  return { files: filesInFolder(folder), folder };
}

/** The files of a model's vision tower. */
export async function towerFiles(
  model: ModelFiles,
  folder: string | undefined,
  options: HubOptions & Pick<OpenTrainedOptions, 'tower'>,
): Promise<ModelFiles> {
  const { tower } = options;
  if (tower === undefined) {
    return folder === undefined ? model.folder(TOWER_FOLDER) : filesInFolder(await findTower(folder, options));
  }
  const path = tower instanceof URL && tower.protocol === 'file:' ? fileURLToPath(tower) : tower;
  if (typeof path === 'string') return filesInFolder(await namedTower(path, options));
  return path instanceof URL ? filesAt(path) : filesInMemory(path, TOWER_FOLDER);
}

/** A file as a decoder takes it. */
export function videoInput(id: string, video: FileInput['video']): VideoInput {
  if (typeof video === 'string') return { id, path: video };
  if (video instanceof URL) return { id, path: video.protocol === 'file:' ? fileURLToPath(video) : video.href };
  return { id, path: id, bytes: video instanceof ArrayBuffer ? new Uint8Array(video) : video };
}

/** SHA-256 of all chunks, hexadecimal. */
export const sha256: Sha256 = async (chunks) => {
  const hash = createHash('sha256');
  for await (const chunk of chunks) hash.update(chunk);
  return hash.digest('hex');
};
