import type { VideoText, WbdcSplit } from '@wbdc/data';
import type { Decoded } from './frames.js';
import type { Source } from './scan.js';

/** A video that could be read, with what the table says of it. */
export interface Item {
  readonly id: string;
  readonly source: Source;
  readonly text: VideoText;
  readonly decoded: Decoded;
}

/** Where a video stands in the data set. */
export interface Placed extends Item {
  readonly split: WbdcSplit;
  readonly categoryId: string | undefined;
}
