import { z } from 'zod';
import { divisibleHeads } from './sizes.js';
import { loop, stopsInTime } from './training.js';

const count = (smallest = 1) => z.int().min(smallest);
const rate = z.number().positive().max(1);

/** A folder with weights as published on the Hugging Face hub, to start from. */
const init = z.string().min(1).optional();

const vision = z
  .strictObject({
    /** A CLIP, such as openai/clip-vit-base-patch32. */
    init,
    /** CLIP ViT-B/32: 224 pixels, patches of 32, 12 layers of 768 with 12 heads. */
    imageSize: count(8).default(224),
    patchSize: count().default(32),
    width: count().default(768),
    layers: count().default(12),
    heads: count().default(12),
    /** Width of the feed-forward layers; null is 4 x width. */
    intermediate: count().nullable().default(null),
  })
  .superRefine(divisibleHeads)
  .superRefine(({ imageSize, patchSize }, context) => {
    if (imageSize % patchSize === 0) return;
    const message = `expected a divisor of imageSize (${imageSize}), got ${patchSize}`;
    context.addIssue({ code: 'custom', path: ['patchSize'], message });
  });

const text = z
  .strictObject({
    /** A BERT, such as hfl/chinese-roberta-wwm-ext; vocab.folder must be its vocabulary. */
    init,
    width: count().default(768),
    layers: count().default(12),
    heads: count().default(12),
    intermediate: count().nullable().default(null),
    dropout: z.number().min(0).lt(1).default(0.1),
    /** Most tokens of a title, special tokens included. */
    budget: count(3).default(36),
  })
  .superRefine(divisibleHeads);

/** The CLIP stage: a vision tower and a text BERT learn to match frames with titles. */
export const clipSchema = z
  .strictObject({
    vision: vision.prefault({}),
    text: text.prefault({}),
    /** The shorter side of pictures before the square is cut out; null: vision.imageSize. WBDC: 256 for 224. */
    resize: count(8).nullable().default(null),
    /** Training takes random squares, mirrored half of the time, in place of the centred ones. WBDC did. */
    augment: z.boolean().default(false),
    /** Random frames per video and epoch. WBDC: 4. */
    framesPerVideo: count().default(4),
    /** null learns it, from 0.07. */
    temperature: z.number().positive().nullable().default(null),
    /** Compare unit vectors, as WBDC did. */
    normalize: z.boolean().default(true),
    /** Earlier batches whose titles are further wrong answers. */
    queue: z.int().min(0).max(64).default(0),
    /**
     * WBDC, from published checkpoints: text 5e-5, vision 5e-6, temperature 1e-5. From scratch they want to be
     * higher.
     */
    learningRates: z
      .strictObject({
        text: rate.default(5e-5),
        vision: rate.default(5e-6),
        temperature: rate.default(1e-5),
        new: rate.default(5e-4),
      })
      .prefault({}),
    ...loop,
  })
  .superRefine(stopsInTime);

export type ClipSettings = z.output<typeof clipSchema>;
