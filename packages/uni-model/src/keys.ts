import {
  bertKeyMap,
  inputEmbeddingKeys,
  joinKeyMaps,
  linearKeys,
  mlmHeadKeys,
  normKeys,
  prefixed,
  type KeyEntry,
  type KeyMap,
} from '@wbdc/checkpoints';
import type { UniModelConfig } from './config.js';

/** Paths in our tree of heads that the two originals save beside the encoder. A head without a path is left out. */
export interface UniModelHeads {
  /** `{ transform, norm, bias }` of the masked language model, such as `heads.mlm`. */
  readonly mlm?: string;
  /** `{ transform, norm, output }` of the masked frame model. */
  readonly mfm?: string;
  /** `{ output }` of the tags or categories: their `newfc_tag`. */
  readonly tag?: string;
  /** `{ output }` of the frame-text match: `newfc_itm`. */
  readonly match?: string;
  /**
   * The dense layer `{ weight, bias }` that embeds a pooled state: `newfc_hidden`. Of a similarity model `head.output`.
   */
  readonly embedding?: string;
}

export interface UniModelKeyMapOptions {
  /** Path of the encoder in our tree with a dot behind it, such as `encoder.`; empty where it is the tree. */
  readonly path?: string;
  readonly heads?: UniModelHeads;
}

/** What stands before the names of a BERT: alone or with heads, in the originals, in solutions made after them. */
const BERT_PREFIXES = ['bert.', 'roberta.bert.', 'roberta.', ''] as const;
/** The originals' masked language model is a module `roberta`. */
const HEAD_PREFIXES = ['', 'roberta.'] as const;

/**
 * Names of the single-stream model in checkpoints of PyTorch: those of a Hugging Face BERT, and beside them the frames'
 * `video_fc` and `video_embeddings`, as both originals call them (AIAC 2021 rank 1 `QQUniModel`, WBDC 2022 rank 8
 * `MULTIBERT`). A BERT alone lacks the frames' tensors.
 */
export function uniModelKeyMap(config: Pick<UniModelConfig, 'layers'>, options: UniModelKeyMapOptions = {}): KeyMap {
  const { path = '', heads = {} } = options;
  const names = prefixed(BERT_PREFIXES);
  const frames: KeyEntry[] = [
    ...linearKeys(`${path}frames.projection`, names('video_fc')),
    ...inputEmbeddingKeys(`${path}frames.embeddings`, (name) => names(`video_embeddings.${name}`)),
  ];
  return joinKeyMaps(bertKeyMap(config.layers, { path: `${path}bert.`, prefixes: BERT_PREFIXES }), {
    entries: [...frames, ...headKeys(heads)],
    unused: [
      { pattern: '{roberta.,}{bert.,}pooler.**', reason: 'the pooler belongs to next-sentence prediction' },
      { pattern: '{roberta.,}{bert.,}video_embeddings.word_embeddings.weight', reason: 'frames are no words' },
      { pattern: '{roberta.,}{bert.,}{video_,}embeddings.*_ids', reason: 'constants, not weights' },
      { pattern: '{roberta.,}cls.predictions.decoder.*', reason: 'tied to the word embeddings' },
      { pattern: '{roberta.,}cls.**', reason: 'the masked language model’s head was not asked for' },
      { pattern: 'roberta_mvm_lm_header.predictions.bias', reason: 'the same as its decoder’s bias' },
      { pattern: 'roberta_mvm_lm_header.**', reason: 'the masked frame model’s head was not asked for' },
      { pattern: 'newfc_{tag,itm,hidden}.**', reason: 'a head that was not asked for' },
      { pattern: 'visual_backbone.**', reason: 'the vision tower' },
    ],
  });
}

function headKeys({ mlm, mfm, tag, match, embedding }: UniModelHeads): KeyEntry[] {
  const header = 'roberta_mvm_lm_header.predictions';
  return [
    ...(mlm === undefined ? [] : mlmHeadKeys(mlm, prefixed(HEAD_PREFIXES))),
    ...(mfm === undefined
      ? []
      : [
          ...linearKeys(`${mfm}.transform`, [`${header}.transform.dense`]),
          ...normKeys(`${mfm}.norm`, [`${header}.transform.LayerNorm`]),
          ...linearKeys(`${mfm}.output`, [`${header}.decoder`]),
        ]),
    ...(tag === undefined ? [] : linearKeys(`${tag}.output`, ['newfc_tag'])),
    ...(match === undefined ? [] : linearKeys(`${match}.output`, ['newfc_itm'])),
    ...(embedding === undefined ? [] : linearKeys(embedding, ['newfc_hidden'])),
  ];
}
