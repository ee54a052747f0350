import type { Tensor2D } from '@tensorflow/tfjs';
import { foldIn, subKey, type Batch, type Encoder, type Key, type ParamTree } from '@wbdc/nn';
import { applyHead, headDraws, newHead, type Head, type HeadConfig } from './heads.js';

export interface FinetuneParams<P extends ParamTree> {
  readonly encoder: P;
  readonly head: Head;
}

/** An encoder with a head on it: what all models of finetuning are, before their losses. */
export function headed<P extends ParamTree>(encoder: Encoder<P>, options: Omit<HeadConfig, 'hiddenSize'>) {
  const config = { ...options, hiddenSize: encoder.hiddenSize };
  return {
    init: (key: Key): FinetuneParams<P> => ({
      encoder: encoder.init(foldIn(key, 'encoder')),
      head: newHead(foldIn(key, 'head'), config),
    }),
    /** The head's outputs `[B, outputs]`, one for each draw of multi-sample dropout. */
    draws: (params: FinetuneParams<P>, batch: Batch, dropout?: Key): Tensor2D[] => {
      const encoded = encoder.encode(params.encoder, batch, dropout ? { dropout } : {});
      return headDraws(params.head, encoded, batch, config, subKey(dropout, 'head'));
    },
    /** The head's output `[B, outputs]`, nothing dropped. */
    apply: (params: FinetuneParams<P>, batch: Batch): Tensor2D =>
      applyHead(params.head, encoder.encode(params.encoder, batch, {}), batch, config),
  };
}
