/** The stages of a run, in their order. */
export const STAGES = ['data', 'vocab', 'clip', 'features', 'text', 'pretrain', 'finetune'] as const;
export type StageName = (typeof STAGES)[number];

/** What each does, in a line. */
export const STAGE_TITLES: Readonly<Record<StageName, string>> = {
  data: 'build the embedded emoji data set, or check a folder of your own',
  vocab: 'train a WordPiece vocabulary on the text',
  clip: 'train a vision tower against the titles',
  features: 'run the vision tower over all frames',
  text: 'pretrain the text side on general text, before it meets a video',
  pretrain: 'pretrain the video-text model',
  finetune: 'finetune the model on labelled videos or pairs',
};

export const MERGE_TITLE = 'join the shards of features into one store a split';

/** Plain data: what fits into JSON. */
type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json | undefined };
export type JsonObject = { readonly [key: string]: Json | undefined };
