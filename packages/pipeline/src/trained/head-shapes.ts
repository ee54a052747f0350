import { linearShapes, type ParamShapes } from '@wbdc/checkpoints';
import type { HeadConfig } from '@wbdc/finetune';

/** Paths and shapes of a finetuning's head on states of `width` values, in the order of `newHead`. */
export function headShapes(
  { pooling, attention = 'linear', outputs, hidden = null }: Omit<HeadConfig, 'hiddenSize' | 'dropout'>,
  width: number,
): ParamShapes {
  const pooled = pooling === 'both' ? 2 * width : width;
  return new Map([
    ...linearShapes('output', hidden ?? pooled, outputs),
    ...(hidden === null ? [] : linearShapes('hidden', pooled, hidden)),
    ...(pooling === 'attention' ? linearShapes('attention', width, 1) : []),
    ...(pooling === 'attention' && attention === 'tanh' ? linearShapes('attentionHidden', width, width) : []),
  ]);
}

/** The same of the tag task's head. */
export function tagHeadShapes(
  { hidden, tagCount }: { readonly hidden: number | null; readonly tagCount: number },
  width: number,
): ParamShapes {
  return new Map([
    ...(hidden === null ? [] : linearShapes('hidden', width, hidden)),
    ...linearShapes('output', hidden ?? width, tagCount),
  ]);
}
