import { z } from 'zod';

const count = (smallest = 1) => z.int().min(smallest);

/** How many and which of a video's frames a model reads. */
export const framesSchema = z.strictObject({
  /** Most frames of a video. Both originals: 32. */
  limit: count().max(1024).default(32),
  /**
   * Which of more are taken. random: a sorted random subset in training, an even stride in evaluation (WBDC); even:
   * that stride always; aiac: round((i + 0.5) (n - 1) / limit) always.
   */
  choice: z.enum(['random', 'even', 'aiac']).default('random'),
});

export type FrameSettings = z.output<typeof framesSchema>;

const sampling = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('all') }),
  z.strictObject({ kind: z.literal('even'), limit: count() }),
  z.strictObject({ kind: z.literal('random'), limit: count(), seed: count(0).default(1) }),
]);

/** How the vision tower computes features of frames. */
export const featuresSchema = z.strictObject({
  /** Images that pass through the vision tower at once. */
  batchSize: count().default(64),
  /**
   * The tower of a published CLIP, such as openai/clip-vit-base-patch32, as it is; null takes that of the clip stage.
   */
  tower: z.string().min(1).nullable().default(null),
  /** pooled: the class token after the last normalisation; projected: in the space shared with text. */
  output: z.enum(['pooled', 'projected']).default('pooled'),
  /** What pixels are normalised by. CLIP's own; WBDC's original took ImageNet's. */
  statistics: z.enum(['clip', 'imagenet']).default('clip'),
  /** The shorter side of pictures before the centred square is cut out; null: the tower's side. WBDC: 256 for 224. */
  resize: count(8).nullable().default(null),
  /** pillow: to the bit as CLIPImageProcessor does; fast: sharp's, 0.3 of 255 away on average, 13 at most. */
  resizer: z.enum(['pillow', 'fast']).default('pillow'),
  /** Which frames get features: all, evenly or randomly at most so many. */
  sampling: sampling.default({ kind: 'all' }),
  /** Threads that decode pictures; null takes half of the processors, 8 at most. */
  decodeThreads: count().nullable().default(null),
});

export type FeatureSettings = z.output<typeof featuresSchema>;
