import { joinLocation } from '@wbdc/io/remote';
import { CATEGORY_NAMES_FILE } from '../categories/names.js';
import { ID_PATTERN } from '../wbdc/annotations.js';

/** Paths of a data set in the layout of WBDC 2022. */
export interface WbdcLayout {
  readonly root: string;
  /** `annotations/<split>.json`: one JSON array of videos; see {@link readAnnotations}. */
  annotations(split: string): string;
  /** `annotations/<split>_truth.csv`: lines `id,category_id` of a held-out split. */
  truth(split: string): string;
  /** `zip_frames/<split>`: one zip of frames per video. */
  frames(split: string): string;
  /**
   * `zip_frames/<split>/<last 3 characters of id>/<id>.zip`
   *
   * @throws RangeError when the id is not safe in a path
   */
  frameZip(split: string, id: string): string;
  /** `tag_list.txt`: one tag a line, most frequent first. */
  readonly tagList: string;
  /** `categories.json`: {@link CategoryNames}. */
  readonly categories: string;
}

/**
 * The paths of a data set in the WBDC layout below `root`, a folder or an address. Nothing is read or made.
 *
 * @param framesRoot where `zip_frames/` is, if elsewhere
 */
export function wbdcLayout(root: string, framesRoot = root): WbdcLayout {
  return {
    root,
    annotations: (split) => joinLocation(root, 'annotations', `${split}.json`),
    truth: (split) => joinLocation(root, 'annotations', `${split}_truth.csv`),
    frames: (split) => joinLocation(framesRoot, 'zip_frames', split),
    frameZip: (split, id) => {
      if (!ID_PATTERN.test(id)) throw new RangeError(`expected an id of 3 to 64 letters, digits, - or _, got ${id}`);
      return joinLocation(framesRoot, 'zip_frames', split, id.slice(-3), `${id}.zip`);
    },
    tagList: joinLocation(root, 'tag_list.txt'),
    categories: joinLocation(root, CATEGORY_NAMES_FILE),
  };
}
