import type { VideoText, WbdcSplit } from '@wbdc/data';
import type { Decoded } from './frames.js';
import type { FoundVideo } from '@wbdc/video-features';

/** A video that could be read, with what the table says of it. */
export interface Item {
  readonly id: string;
  readonly source: FoundVideo;
  readonly text: VideoText;
  readonly decoded: Decoded;
}

/** Where a video stands in the data set. */
export interface Placed extends Item {
  readonly split: WbdcSplit;
  readonly categoryId: string | undefined;
}
