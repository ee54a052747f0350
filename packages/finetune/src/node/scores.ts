import { readJson, writeJson } from '@wbdc/io';
import { WbdcError } from '@wbdc/io/errors';
import type { Measured } from '@wbdc/metrics';
import { z } from 'zod';
import type { CategoryScores } from '../judging.js';
import { numberOrNaN } from './json-lines.js';

const score = z.object({
  mean: z.number(),
  level1Micro: z.number(),
  level1Macro: z.number(),
  level2Micro: z.number(),
  level2Macro: z.number(),
});

const categoryScores = z.object({
  videos: z.int(),
  score,
  baseline: score,
  majority: z.string(),
  baselines: z.record(z.string(), score).exactOptional(),
  confusionByLevel1: z.object({ labels: z.array(z.string()), counts: z.array(z.array(z.int())) }),
  classes: z.array(
    z.object({ label: z.string(), precision: z.number(), recall: z.number(), f1: z.number(), support: z.int() }),
  ),
});

/** Writes what was measured of categories; of all folds also what their mean reaches on the held-out splits. */
export function writeCategoryScores(
  path: string,
  scores: CategoryScores | undefined,
  heldOut?: { readonly scores: CategoryScores | undefined },
): Promise<void> {
  return writeJson(path, { ...scores, ...(heldOut && { heldOut: heldOut.scores ?? {} }) });
}

/** The scores of {@link writeCategoryScores}. @throws WbdcError also where nothing could be measured */
export async function readCategoryScores(path: string): Promise<CategoryScores> {
  return parse(categoryScores, 'scores of predicted categories', path);
}

const measured = z.object({
  value: numberOrNaN,
  baseline: numberOrNaN.exactOptional(),
  baselines: z.record(z.string(), numberOrNaN).exactOptional(),
});

const similarityScores = z
  .object({
    spearman: measured,
    mse: measured,
    'validation/spearman': measured,
    'validation/mse': measured,
    outOfFold: z.object({
      spearman: numberOrNaN,
      folds: z.array(numberOrNaN),
      baselines: z.record(z.string(), numberOrNaN).exactOptional(),
    }),
  })
  .partial();

/** What was measured of embeddings: on held-out pairs, on validation pairs, and of every fold. */
export interface SimilarityScores {
  readonly spearman?: Measured | undefined;
  readonly mse?: Measured | undefined;
  readonly 'validation/spearman'?: Measured | undefined;
  readonly 'validation/mse'?: Measured | undefined;
  readonly outOfFold?:
    | {
        readonly spearman: number;
        readonly folds: readonly number[];
        /** Means over the folds of what needs no model, by name. */
        readonly baselines?: Readonly<Record<string, number>>;
      }
    | undefined;
}

export function writeSimilarityScores(path: string, scores: SimilarityScores): Promise<void> {
  return writeJson(path, scores);
}

/** The scores of {@link writeSimilarityScores}. */
export async function readSimilarityScores(path: string): Promise<SimilarityScores> {
  return parse(similarityScores, 'scores of embeddings', path) as Promise<SimilarityScores>;
}

async function parse<T>(schema: z.ZodType<T>, expected: string, path: string): Promise<T> {
  const parsed = schema.safeParse(await readJson(path));
  if (parsed.success) return parsed.data;
  throw new WbdcError({ where: path, expected, got: `something else: ${z.prettifyError(parsed.error)}` });
}
