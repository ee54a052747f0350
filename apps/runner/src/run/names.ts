/** The stages of a run, in their order. */
export const STAGES = ['data', 'vocab', 'clip', 'features', 'text', 'pretrain', 'finetune'] as const;
export type StageName = (typeof STAGES)[number];

/** Plain data: what fits into JSON. */
type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json | undefined };
export type JsonObject = { readonly [key: string]: Json | undefined };
