import { z } from 'zod';
import { MODEL_PRESETS } from './presets.js';
import { divisibleHeads } from './sizes.js';

export const MODEL_KINDS = ['uni-model', 'lxmert-model'] as const;

const count = z.int().min(1);

/** The video-text model. */
export const modelSchema = z
  .strictObject({
    /** One stream over text and frames (VisualBERT-like), or two with cross attention (LXMERT-like). */
    kind: z.enum(MODEL_KINDS).default('uni-model'),
    /** Sizes by name; what is set beside it wins. */
    preset: z.enum(MODEL_PRESETS).optional(),
    /**
     * A published BERT: a folder (config.json and weights), or its name on the Hugging Face hub; vocab.folder must be
     * its vocabulary.
     */
    init: z.string().min(1).optional(),
    /** D. BERT-base 768 (WBDC), BERT-large 1024 (QQ). */
    width: count.default(768),
    layers: count.default(12),
    heads: count.default(12),
    /** Width of the feed-forward layers; null is 4 D, as in BERT. */
    intermediate: count.nullable().default(null),
    dropout: z.number().min(0).lt(1).default(0.1),
    /** Train in less memory: the backward pass computes each layer once more, which takes a third more time. */
    recompute: z.boolean().default(false),
    /** Most text positions. */
    maxPositions: count.default(512),
    /** lxmert-model: layers of the video stream; 6 in WBDC's code, 12 for a whole ViT-base. */
    videoLayers: count.default(6),
    /**
     * lxmert-model: where the video stream's normalisations stand: before each block as in a ViT, or after each sum
     * as in a BERT (WBDC's code).
     */
    videoNorm: z.enum(['pre', 'post']).default('pre'),
    /** lxmert-model: the video stream's GELU: exact, or CLIP's quick one. */
    videoActivation: z.enum(['erf', 'quick']).default('erf'),
    /**
     * lxmert-model: a published ViT or CLIP as wide as the text, of whose vision tower the video stream takes the
     * first videoLayers layers: a folder (config.json and weights), or its name on the hub. Needs videoNorm pre.
     */
    videoInit: z.string().min(1).optional(),
    /** lxmert-model: cross-modality layers. */
    crossLayers: count.default(3),
  })
  .superRefine(divisibleHeads)
  .superRefine(({ kind, videoInit, videoNorm }, context) => {
    if (videoInit === undefined || (kind === 'lxmert-model' && videoNorm === 'pre')) return;
    const [path, expected, got] =
      kind === 'lxmert-model' ? ['videoNorm', 'pre', videoNorm] : ['kind', 'lxmert-model', kind];
    const message = `expected ${expected} with videoInit, whose layers are a vision tower's, got ${got}`;
    context.addIssue({ code: 'custom', path: [path], message });
  });

export type ModelSettings = z.output<typeof modelSchema>;
