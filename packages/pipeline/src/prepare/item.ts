import type { VideoText, WbdcSplit } from '@wbdc/data';
import type { FoundVideo } from '@wbdc/video-features';
import type { StoredFrames } from './frames.js';

/** A video that could be read, with what the table says of it. */
export interface Item {
  readonly id: string;
  readonly source: FoundVideo;
  readonly text: VideoText;
  readonly decoded: StoredFrames;
}

/** A video with its split and the id of its category. */
export interface SplitItem extends Item {
  readonly split: WbdcSplit;
  readonly categoryId: string | undefined;
  /** Of videos with the same pictures, or of one group of the table: the first one's id. */
  readonly group: string;
}
