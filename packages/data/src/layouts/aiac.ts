import { join } from 'node:path';

/** Paths of a data set in the layout of QQ Browser AIAC 2021. */
export interface AiacLayout {
  readonly root: string;
  /** `<split>/`: its files `*.tfrecord(s)`, plain or GZIP, with frame features inside. */
  records(split: string): string;
  /** `<split>/label.tsv`: id1, id2 and score of labelled pairs. */
  labels(split: string): string;
  /** `tag_list.txt`: one tag id a line, most frequent first. */
  readonly tagList: string;
}

/** The paths of a data set in the AIAC layout below `root`. Nothing is read or made. */
export function aiacLayout(root: string): AiacLayout {
  return {
    root,
    records: (split) => join(root, split),
    labels: (split) => join(root, split, 'label.tsv'),
    tagList: join(root, 'tag_list.txt'),
  };
}

/** Paths of what is kept of AIAC records so that no later reading needs all of them: texts and an index. */
export interface AiacIndexLayout {
  readonly root: string;
  /** `annotations/<split>.json`: the texts, as WBDC has them. */
  annotations(split: string): string;
  /** `records/<split>.index`: where each record lies; see {@link openAiacIndex}. */
  recordIndex(split: string): string;
  /** `unpacked/<split>`: plain copies of GZIP files. */
  unpacked(split: string): string;
}

/** The paths of an index of AIAC records below `root`. Nothing is read or made. */
export function aiacIndexLayout(root: string): AiacIndexLayout {
  return {
    root,
    annotations: (split) => join(root, 'annotations', `${split}.json`),
    recordIndex: (split) => join(root, 'records', `${split}.index`),
    unpacked: (split) => join(root, 'unpacked', split),
  };
}
