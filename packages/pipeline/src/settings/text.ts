import { DEFAULT_CLEANING } from '@wbdc/data/web';
import { z } from 'zod';

const count = (smallest = 1) => z.int().min(smallest);
const field = z.enum(['title', 'ocr', 'asr']);

/**
 * What is done to dirty texts before they are tokenised, here, in the vocabulary and in predictions; null leaves
 * them. `{}` does all.
 */
const cleaning = z
  .strictObject({
    /** NFKC makes full-width letters and digits plain. */
    unicode: z.enum(['NFKC', 'NFC', 'keep']).default(DEFAULT_CLEANING.unicode),
    /** Control, format and private-use characters become blanks. */
    dropControls: z.boolean().default(DEFAULT_CLEANING.dropControls),
    dropLinks: z.boolean().default(DEFAULT_CLEANING.dropLinks),
    /** Longest run of one character; 0 leaves runs alone. */
    maxRun: count(0).default(DEFAULT_CLEANING.maxRun),
    /** A caption that stands in many frames counts once. */
    dropRepeatedOcr: z.boolean().default(DEFAULT_CLEANING.dropRepeatedOcr),
    /** Characters of a field that are looked at. */
    maxCharacters: count().default(DEFAULT_CLEANING.maxCharacters),
  })
  .nullable()
  .default(null);

/** How texts become a row of tokens. */
export const textSchema = z
  .strictObject({
    /** In the order of the token row. WBDC: title, ocr, asr; QQ: title. */
    fields: z.array(field).min(1).default(['title', 'ocr', 'asr']),
    /** Most tokens of a row, special tokens included. WBDC 256; QQ 36. */
    budget: count(4).default(256),
    /** Most tokens of single fields. */
    limits: z
      .strictObject({ title: count().exactOptional(), ocr: count().exactOptional(), asr: count().exactOptional() })
      .prefault({}),
    /** QQ's layout: [CLS] [SEP] title [SEP]. */
    separatorFirst: z.boolean().default(false),
    cleaning,
  })
  .refine((layout) => new Set(layout.fields).size === layout.fields.length, {
    path: ['fields'],
    error: 'expected every field once',
  });

export type TextSettings = z.output<typeof textSchema>;
