import { join, resolve } from 'node:path';
import type { Encoder } from '@wbdc/nn';
import { readJson } from '@wbdc/nn/node';
import { TOKENIZER_FILES, type Tokenizer } from '@wbdc/tokenizer';
import { fgm, layerwiseDecay, pgd, valueAndGrad, type GradientFunction, type Rules } from '@wbdc/train';
import { assertSameConfig, findCheckpoint, loadParams } from '@wbdc/train/node';
import type { Config } from '../../config/schema.js';
import type { StageContext } from '../../stage.js';
import { bertSizesOf, type VideoTextParams } from '../model.js';
import { startFromBert } from '../published.js';
import { definedOnly, type VideoSet } from '../video-set.js';

/** What both kinds of finetuning work with. */
export interface Finetuning {
  readonly context: StageContext;
  readonly tokenizer: Tokenizer;
  readonly encoder: Encoder<VideoTextParams>;
  /** The labelled splits. */
  readonly training: VideoSet;
  readonly heldOut: VideoSet;
}

/** Gives the encoder the weights that `finetune.init` names. */
export async function startEncoder(finetuning: Finetuning, encoder: VideoTextParams): Promise<void> {
  const { context, tokenizer, training } = finetuning;
  const { model, finetune } = context.config;
  if (finetune.init === 'none') {
    if (model.init === undefined) return context.output.say('finetune.init is none: fresh weights');
    const start = { setting: 'model.init', folder: model.init, path: 'bert.' };
    return startFromBert(encoder, bertSizesOf(model, tokenizer.vocabSize), start, context.output);
  }
  const checkpoint = await findCheckpoint(checkpointsOf(context));
  const where = join(checkpoint, 'config.json');
  assertSameConfig(architectureOf(context.config, training), await readJson(where), where);
  await loadParams(join(checkpoint, 'model.safetensors'), encoder, 'encoder.');
  context.output.say(`the encoder starts from ${checkpoint}`);
}

function checkpointsOf({ config, upstream, output }: StageContext): string {
  const { init } = config.finetune;
  return init === 'pretrain' ? join(upstream('pretrain'), 'checkpoints') : resolve(output.terminal.folder, init);
}

/** What the weights of an encoder depend on, as its checkpoint's config.json says it. */
export function architectureOf({ model, text, frames }: Config, { recipe }: VideoSet): Record<string, unknown> {
  return { model: model.kind, sizes: model, text, frames, features: recipe ?? null };
}

/** The tokenizer, which every checkpoint keeps. */
export function tokenizerFiles({ upstream }: StageContext): string[] {
  return TOKENIZER_FILES.map((name) => join(upstream('vocab'), name));
}

/** The learning rates of a finetuning. */
export function rulesOf({ finetune, model }: Pick<Config, 'finetune' | 'model'>): Rules {
  const { learningRate, weightDecay, rules, layerwiseDecay: layerwise } = finetune;
  const layers = layerwise
    ? layerwiseDecay({
        layers: 'encoder.bert.layers',
        count: model.layers,
        below: ['encoder.bert.embeddings.**'],
        ...layerwise,
      })
    : [];
  return { learningRate, weightDecay, rules: [...layers, ...rules.map(definedOnly)] };
}

/** How gradients are taken. */
export function gradientsOf({
  kind,
  pattern,
  epsilon,
  steps,
  alpha,
}: Config['finetune']['adversarial']): GradientFunction {
  if (kind === 'none') return valueAndGrad;
  return kind === 'fgm' ? fgm({ pattern, epsilon }) : pgd({ pattern, epsilon, steps, alpha });
}
