import { flatten, type ParamTree } from '@wbdc/nn';
import {
  awp,
  fgm,
  freezing,
  layerwiseDecay,
  pgd,
  valueAndGrad,
  type GradientFunction,
  type Rule,
  type Rules,
} from '@wbdc/train';
import { WbdcError } from '@wbdc/io/errors';
import { definedOnly, withoutNulls } from '../defined.js';
import type { FinetuneSettings } from '../settings/finetune.js';
import type { ModelSettings } from '../settings/model.js';

/** The learning rates of a finetuning: what is frozen, the tower's, those by layer, those of the settings. */
export function finetuneRules(
  { finetune, model }: { readonly finetune: FinetuneSettings; readonly model: Pick<ModelSettings, 'layers'> },
  params: ParamTree,
): Rules {
  const { learningRate, weightDecay, rules, freeze, vision, layerwiseDecay: layerwise } = finetune;
  const all = [
    ...(vision ? towerRules(vision, params) : []),
    ...(layerwise ? layerRules(layerwise, model.layers) : []),
    ...(rules ?? (layerwise ? [] : BERT_RATE)),
  ];
  return {
    learningRate,
    weightDecay,
    rules: freezing(
      freeze,
      all,
      flatten(params).map(({ path }) => path),
    ),
  };
}

/** Of the whole tower, or of its last layers. */
function towerRules({ learningRate, lastLayers }: NonNullable<FinetuneSettings['vision']>, params: ParamTree): Rule[] {
  const tower = 'encoder.vision.**';
  if (lastLayers === null) return [{ pattern: tower, learningRate }];
  const paths = flatten(params).map(({ path }) => /^encoder\.vision\.layers\.(\d+)\./.exec(path)?.[1]);
  const count = 1 + Math.max(-1, ...paths.map((layer) => Number(layer ?? -1)));
  if (lastLayers > count) {
    const where = 'finetune.vision.lastLayers';
    throw new WbdcError({ where, expected: `at most ${count}, the layers of the tower`, got: String(lastLayers) });
  }
  const last = Array.from({ length: lastLayers }, (_, i) => count - lastLayers + i);
  const layers = last.map((layer) => ({ pattern: `encoder.vision.layers.${layer}.**`, learningRate }));
  return [...layers, { pattern: tower, frozen: true }];
}

/** WBDC. */
const BERT_RATE: readonly Rule[] = [{ pattern: 'encoder.bert.**', learningRate: 5e-5 }];

function layerRules(settings: NonNullable<FinetuneSettings['layerwiseDecay']>, count: number): Rule[] {
  return layerwiseDecay({ layers: 'encoder.bert.layers', count, below: ['encoder.bert.embeddings.**'], ...settings });
}

const [WORDS, WEIGHTS] = ['encoder.**.word', 'encoder.**.weight'];

/** How gradients are taken: as they are, or adversarially. */
export function finetuneGradients({ kind, ...settings }: FinetuneSettings['adversarial']): GradientFunction {
  const { pattern, epsilon, steps, alpha } = withoutNulls(settings);
  if (kind === 'none') return valueAndGrad;
  if (kind === 'fgm') return fgm(definedOnly({ pattern: pattern ?? WORDS, epsilon }));
  if (kind === 'pgd') return pgd(definedOnly({ pattern: pattern ?? WORDS, epsilon, steps, alpha }));
  return awp(definedOnly({ pattern: pattern ?? WEIGHTS, epsilon, steps, alpha }));
}
