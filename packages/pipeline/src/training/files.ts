import type { Tokenizer } from '@wbdc/tokenizer';
import type { CheckpointFile } from '@wbdc/train/node';

/** The files of a tokenizer, which every checkpoint keeps. */
export function tokenizerFiles(tokenizer: Tokenizer): CheckpointFile[] {
  return Object.entries(tokenizer.toFiles()).map(([name, contents]) => ({ name, contents }));
}
