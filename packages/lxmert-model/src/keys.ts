import {
  bertAttentionKeys,
  bertKeyMap,
  bertLayerKeys,
  joinKeyMaps,
  linearKeys,
  normKeys,
  prefixed,
  type KeyEntry,
  type KeyMap,
  type TensorNames,
  type UnusedTensors,
} from '@wbdc/checkpoints';
import { towerLayerKeys, towerNames } from '@wbdc/clip-model';
import type { LxmertModelConfig } from './config.js';

export interface LxmertModelKeyMapOptions {
  /** Path of the encoder in our tree with a dot behind it, such as `encoder.`; empty where it is the tree. */
  readonly path?: string;
}

type Sizes = Pick<LxmertModelConfig, 'hiddenSize' | 'layers' | 'videoLayers' | 'crossLayers' | 'videoNorm'>;

/** The text: a BERT alone or with heads, WBDC's `roberta`, transformers' LXMERT with heads. */
const TEXT_PREFIXES = ['bert.', 'roberta.', 'lxmert.', ''] as const;
const LXMERT_PREFIXES = ['lxmert.encoder.', 'encoder.'] as const;

/**
 * Names of the double-stream model in checkpoints of PyTorch.
 *
 * The text is a Hugging Face BERT, the cross-modality layers are LXMERT's `x_layers`. A video stream with `videoNorm`
 * `post` is the one of WBDC 2022 rank 8 (`MULTIBERT2`: `cls_token`, `vision_encoder`) or, without class token and
 * positions, LXMERT's (`visn_fc`, `r_layers`); with `pre` it has the layers of a CLIP vision tower.
 */
export function lxmertModelKeyMap(config: Sizes, { path = '' }: LxmertModelKeyMapOptions = {}): KeyMap {
  const video = config.videoNorm === 'post' ? postVideoKeys : preVideoKeys;
  const cross = Array.from({ length: config.crossLayers }, (_, i) => crossLayerKeys(`${path}cross.${i}`, i)).flat();
  return joinKeyMaps(bertKeyMap(config.layers, { path: `${path}bert.`, prefixes: TEXT_PREFIXES }), {
    entries: [...video(`${path}video`, config), ...cross],
    unused: UNUSED,
  });
}

function postVideoKeys(path: string, { hiddenSize, videoLayers }: Sizes): KeyEntry[] {
  const inLxmert = prefixed(LXMERT_PREFIXES);
  const either = (wbdc: string, lxmert: string): [string, ...string[]] => [wbdc, ...inLxmert(lxmert)];
  const layer = (i: number): TensorNames => {
    return (name) => either(`vision_encoder.encoder.layer.${i}.${name}`, `r_layers.${i}.${name}`);
  };
  return [
    ...linearKeys(`${path}.projection`, either('visual_fc', 'visn_fc.visn_fc')),
    { path: `${path}.classToken`, names: ['cls_token'], shape: [1, 1, hiddenSize] },
    { path: `${path}.position`, names: ['vision_encoder.embeddings.position_embeddings.weight'] },
    ...Array.from({ length: videoLayers }, (_, i) => bertLayerKeys(`${path}.layers.${i}`, layer(i))).flat(),
    ...normKeys(`${path}.norm`, either('vision_encoder.embeddings.LayerNorm', 'visn_fc.visn_layer_norm')),
  ];
}

function preVideoKeys(path: string, { hiddenSize, videoLayers }: Sizes): KeyEntry[] {
  const names = towerNames('vision');
  return [
    ...linearKeys(`${path}.projection`, ['visual_fc']),
    { path: `${path}.classToken`, names: names('embeddings.class_embedding'), shape: [hiddenSize] },
    { path: `${path}.position`, names: ['frame_position_embeddings.weight'] },
    ...towerLayerKeys(`${path}.`, videoLayers, names),
    ...normKeys(`${path}.norm`, names('post_layernorm')),
  ];
}

function crossLayerKeys(path: string, i: number): KeyEntry[] {
  const names = prefixed([`cross_bert.x_layers.${i}.`, ...LXMERT_PREFIXES.map((prefix) => `${prefix}x_layers.${i}.`)]);
  const side = (name: string) => ({
    attention: `${name}_self_att`,
    intermediate: `${name}_inter`,
    output: `${name}_output`,
  });
  return [
    ...bertAttentionKeys(`${path}.cross`, names, 'visual_attention.att', 'visual_attention.output'),
    ...normKeys(`${path}.crossNorm`, names('visual_attention.output.LayerNorm')),
    ...bertLayerKeys(`${path}.text`, names, side('lang')),
    ...bertLayerKeys(`${path}.video`, names, side('visn')),
  ];
}

const UNUSED: readonly UnusedTensors[] = [
  { pattern: '{roberta.,lxmert.,vision_encoder.}pooler.**', reason: 'a pooler, which no objective here reads' },
  { pattern: 'vision_encoder.embeddings.word_embeddings.weight', reason: 'frames are no words' },
  { pattern: '{roberta.,vision_encoder.,vision_model.}embeddings.*_ids', reason: 'constants, not weights' },
  { pattern: '{lxmert.,}encoder.visn_fc.box_*.*', reason: 'the boxes of objects, which frames have not' },
  { pattern: '{cls,obj_predict_head,answer_head,newfc_tag}.**', reason: 'a head' },
  { pattern: 'visual_backbone.**', reason: 'the vision tower' },
  { pattern: '{vision_model.,}embeddings.{patch,position}_embedding.weight', reason: 'patches of a picture' },
  { pattern: '{vision_model.,}pre_layrnorm.*', reason: 'of the patches of a picture' },
  { pattern: '{text_model,text_projection,visual_projection}.**', reason: 'the rest of a CLIP' },
  { pattern: 'logit_scale', reason: 'the rest of a CLIP' },
];
