import { formatWeightReport, SizesError, type WeightReport } from '@wbdc/checkpoints';
import { startFromBert as loadBertInto } from '@wbdc/checkpoints/node';
import type { ClipVisionConfig } from '@wbdc/clip-model';
import { startFromClipVision as loadTowerInto } from '@wbdc/clip-model/node';
import type { LxmertModelConfig } from '@wbdc/lxmert-model';
import { startFromVision as loadVideoInto } from '@wbdc/lxmert-model/node';
import type { ParamTree } from '@wbdc/nn';
import { bertSizesOf } from '@wbdc/pipeline';
import type { PretrainOptions } from '@wbdc/pipeline/node';
import { UserError } from '../core/errors.js';
import type { StageContext } from '../run/stage.js';
import { modelFolder, type FetchOptions } from '../core/published-model.js';

/** Which part of the parameters starts from a published checkpoint. */
export interface Start {
  /** The setting that asks for it, for messages: `model.init`. */
  readonly setting: string;
  /** As set: {@link modelFolder} finds it. */
  readonly folder: string;
  /** Path of the part in the tree, with a dot behind it. */
  readonly path: string;
}

/**
 * Gives a BERT in the tree, and the head of the masked language model where its path is given, the values of a
 * published checkpoint, and prints what became of every tensor. A checkpoint may come without the head.
 */
export function startFromBert(
  params: ParamTree,
  sizes: Parameters<typeof loadBertInto>[1],
  { path, mlmHead, ...start }: Start & { readonly mlmHead?: string },
  options: FetchOptions,
): Promise<void> {
  const paths = { path, ...(mlmHead !== undefined && { mlmHead }) };
  return startFrom(start, options, (folder) => loadBertInto(params, sizes, folder, paths));
}

/** What gives a model the weights of the BERT that `model.init` names, before its first step. */
export function bertInitializer(
  context: FetchOptions & Pick<StageContext, 'config'>,
  vocabSize: number,
  withHead: boolean,
): PretrainOptions['initialize'] {
  const { model } = context.config;
  const { init } = model;
  if (init === undefined) return undefined;
  const start = { setting: 'model.init', folder: init, path: 'encoder.bert.' };
  const head = withHead ? { mlmHead: 'heads.mlm' } : {};
  const sizes = bertSizesOf(model, vocabSize);
  return {
    paths: ['encoder.bert'],
    run: (params) => startFromBert({ ...params }, sizes, { ...start, ...head }, context),
  };
}

/** The same for a CLIP's vision tower. */
export function startFromClipVision(
  params: ParamTree,
  sizes: ClipVisionConfig,
  { path, ...start }: Start,
  options: FetchOptions,
): Promise<void> {
  return startFrom(start, options, (folder) => loadTowerInto(params, sizes, folder, path));
}

/** The same for a double-stream model's video side. */
export function startFromVision(
  params: ParamTree,
  sizes: LxmertModelConfig,
  { path, ...start }: Start,
  options: FetchOptions,
): Promise<void> {
  return startFrom(start, options, (folder) => loadVideoInto(params, sizes, folder, path));
}

async function startFrom(
  { setting, folder }: Pick<Start, 'setting' | 'folder'>,
  options: FetchOptions,
  load: (folder: string) => Promise<WeightReport>,
): Promise<void> {
  const path = await modelFolder(setting, folder, options);
  const report = await load(path).catch((cause: unknown) => {
    if (!(cause instanceof SizesError)) throw cause;
    throw sizesMismatch(setting, path, cause);
  });
  options.output.say(formatWeightReport(report));
}

/** That a published checkpoint has other sizes, in the words of the settings. */
export function sizesMismatch(setting: string, path: string, cause: SizesError): UserError {
  const vocabulary = cause.differences.some(({ name }) => name === 'vocabSize') ? `, and vocab.folder=${path}` : '';
  return new UserError(`${setting}: ${cause.message}\nset the sizes of the checkpoint${vocabulary}`, 1, { cause });
}
