import { z } from 'zod';

const text = z.string().max(20_000);
const id = z.string().min(1).max(1024);

/** A video of a JSON request: its texts, with frame features, or a file that the server may read, or neither. */
const inputFields = z.strictObject({
  id: id.optional(),
  title: text.optional(),
  ocr: text.optional(),
  asr: text.optional(),
  path: z.string().min(1).max(4096).optional().describe('a file in the media folders of the server'),
  features: z.array(z.array(z.number()).min(1).max(8192)).max(1024).optional().describe('frame features [n, Dv]'),
});

const BOTH = 'expected path or features, got both';
const notBoth = ({ path, features }: { path?: unknown; features?: unknown }): boolean => !path || !features;

const inputSchema = inputFields.refine(notBoth, BOTH);

export type JsonInput = z.output<typeof inputSchema>;

export const askSchema = z.strictObject({
  model: z.string().optional().describe('by its name; default: the first that can'),
  top: z.int().min(1).max(1000).optional(),
  inputs: z.array(inputSchema).min(1).max(256),
});

const labels = z.array(z.string().min(1).max(200)).min(1).max(256);
const prompts = z.array(z.string().max(500)).min(1).max(16).describe('sentences with {} for the label').optional();

export const zeroShotSchema = askSchema.extend({ labels, prompts });

/** The fields of an upload; with several files, `inputs` says of each in their order. */
export const uploadFieldsSchema = z.strictObject({
  model: z.string().optional(),
  top: z.coerce.number().int().min(1).max(1000).optional(),
  id: id.optional(),
  title: text.optional(),
  ocr: text.optional(),
  asr: text.optional(),
  categories: z.array(id).max(16).optional(),
  tags: z.array(id).max(256).optional(),
  inputs: z
    .array(z.strictObject({ id: id.optional(), title: text.optional(), ocr: text.optional(), asr: text.optional() }))
    .optional(),
  labels: labels.optional().describe('for /v1/zero-shot/upload'),
  prompts,
  search: z.string().max(20_000).optional().describe('for /v1/search/upload: the search, as JSON'),
});

export type UploadFields = z.output<typeof uploadFieldsSchema>;

const problem = z.object({ code: z.string(), message: z.string() });

const probable = z.object({ category: z.string(), name: z.string().optional(), probability: z.number() });
const unreadable = z.object({ id: z.string(), error: problem });
const rowsOf = <T extends z.ZodRawShape>(shape: T) =>
  z.object({ model: z.string(), rows: z.array(z.union([unreadable, z.object({ id: z.string(), ...shape })])) });

export const answerSchemas = {
  classify: rowsOf({ ...probable.shape, level1: probable, top: z.array(probable), model: z.string() }),
  zeroShot: rowsOf({
    labels: z.array(z.object({ label: z.string(), probability: z.number(), similarity: z.number() })),
  }),
  embed: rowsOf({ model: z.string(), embedding: z.array(z.number()) }),
  tag: rowsOf({
    tags: z.array(
      z.object({
        tag: z.string(),
        probability: z.number(),
        chosen: z.boolean().optional().describe('whether it reaches the threshold of the tag'),
      }),
    ),
  }),
} as const;

const names = z.array(id).max(64).optional();
const time = z.iso.datetime({ offset: true }).or(z.iso.date()).optional();

export const filterSchema = z.strictObject({ categories: names, tags: names, after: time, before: time });

export const searchSchema = z
  .strictObject({
    words: z.string().min(1).max(2000).optional(),
    like: id.optional().describe('the id of a video of the index'),
    filter: filterSchema.optional(),
    limit: z.int().min(1).max(200).default(24),
    offset: z.int().min(0).max(5000).default(0),
    by: z.enum(['words', 'meaning', 'both']).default('both').describe('how words are looked for'),
  })
  .refine(({ words, like }) => words !== undefined || like !== undefined, 'expected words or like, got neither');

export type SearchRequest = z.output<typeof searchSchema>;

export const videoSchema = z.object({
  id: z.string(),
  title: z.string(),
  ocr: z.string(),
  asr: z.string(),
  categories: z.array(z.string()),
  tags: z.array(z.string()),
  time: z.string().optional(),
  plays: z.enum(['video', 'image']).optional().describe('how /v1/videos/:id/media is shown; none where it is not'),
});

const hitSchema = z.object({
  ...videoSchema.shape,
  score: z.number(),
  ranks: z.record(z.string(), z.object({ rank: z.number(), score: z.number() })),
});

export const hitsSchema = z.object({ hits: z.array(hitSchema) });

export const labelsSchema = z
  .strictObject({ categories: z.array(id).max(16).optional(), tags: z.array(id).max(256).optional() })
  .refine(({ categories, tags }) => categories !== undefined || tags !== undefined, 'expected categories or tags');

const rowSchema = inputFields.extend({ id, categories: names, tags: z.array(id).max(256).optional(), time });

export const indexSchema = z.strictObject({ rows: z.array(rowSchema.refine(notBoth, BOTH)).min(1).max(256) });

const facet = z.array(z.object({ name: z.string(), count: z.number() }));
export const facetsSchema = z.object({ categories: facet, tags: facet });
