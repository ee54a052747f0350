import { join } from 'node:path';
import { writeFileAtomic } from '@wbdc/io';

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
    embeddings: join(folder, 'result.zip'),
  };
}

/** The file beside annotations, and in a model's folder, that names the categories. */
export const CATEGORY_NAMES_FILE = 'categories.json';

const encoder = new TextEncoder();

/** Writes a text whole or not at all. */
export function writeText(path: string, text: string | AsyncIterable<string>): Promise<void> {
  return writeFileAtomic(path, typeof text === 'string' ? [encoder.encode(text)] : encoded(text));
}

async function* encoded(texts: AsyncIterable<string>): AsyncGenerator<Uint8Array> {
  for await (const text of texts) yield encoder.encode(text);
}

export function writeJson(path: string, value: unknown): Promise<void> {
  return writeText(path, `${JSON.stringify(value, null, 2)}\n`);
}
