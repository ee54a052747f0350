import { z } from 'zod';

const count = (smallest = 1) => z.int().min(smallest);

/** The vocabulary of the tokenizer. */
export const vocabSchema = z.strictObject({
  /**
   * Takes the vocabulary of a published model instead of training one: a folder with vocab.txt or tokenizer.json, or
   * a name on the hub.
   */
  folder: z.string().min(1).optional(),
  /** Most entries of the vocabulary. BERT-base-chinese has 21128. */
  size: count(16).default(21128),
  /** A word piece must occur this often. */
  minFrequency: count().default(2),
});

export type VocabSettings = z.output<typeof vocabSchema>;
