import { join } from 'node:path';

/** Paths of what a finetuning leaves in its folder, besides checkpoints and the finished model. */
export interface FinetuneFiles {
  /** The categories in the order of the model's outputs: see `readClasses`. */
  readonly classes: string;
  /** Measurements: see `readCategoryScores`, `readSimilarityScores`. */
  readonly scores: string;
  /** Predictions of the fold that was held out: see `readOutOfFold`, `readOutOfFoldPairs`. */
  readonly outOfFold: string;
  /** Class probabilities of the held-out videos: see `readProbabilities`. */
  readonly probabilities: string;
  /** The same of another split. */
  readonly probabilitiesOf: (split: string) => string;
  /** Categories as submitted to WBDC 2022: see `readCategories`. */
  readonly categories: string;
  /** Tags of the held-out videos: lines `{id, tags}`. */
  readonly tags: string;
  /** All tags, in the order of the model's outputs; see `readClasses`. */
  readonly tagList: string;
  /** Probabilities of all tags of the held-out videos; see `combineProbabilityFiles`. */
  readonly tagProbabilities: string;
  /** Hard negatives that were mined for it: pairs of score 0, as `label.tsv`. */
  readonly mined: string;
  /** Embeddings as submitted to AIAC 2021: see `readEmbeddingFile`. */
  readonly embeddings: string;
}

export function finetuneFiles(folder: string): FinetuneFiles {
  return {
    classes: join(folder, 'categories.txt'),
    scores: join(folder, 'scores.json'),
    outOfFold: join(folder, 'out-of-fold.jsonl'),
    probabilities: join(folder, 'probabilities.jsonl'),
    probabilitiesOf: (split) => join(folder, `${split}.probabilities.jsonl`),
    categories: join(folder, 'result.csv'),
    tags: join(folder, 'tags.jsonl'),
    tagList: join(folder, 'tag_list.txt'),
    tagProbabilities: join(folder, 'tag-probabilities.jsonl'),
    mined: join(folder, 'mined.tsv'),
    embeddings: join(folder, 'result.zip'),
  };
}
