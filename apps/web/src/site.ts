/** What `site.json` of a published page says: whatever the page asks for stands here. Node and page share it. */
export interface Site {
  readonly version: 1;
  readonly models: {
    /** The folder of the pretrained model with its vision tower: it tells tags and embeds. */
    readonly tags: string;
    /** The folder of the model that was finetuned for categories, where there is one. */
    readonly categories?: string;
  };
  /** Hash of the pretrained model: the embeddings are its own. */
  readonly embeddedBy: string;
  readonly videos: readonly SiteVideo[];
  /** Names of the categories, by their four digits. */
  readonly categories: Readonly<Record<string, SiteCategory>>;
}

/** Names of a category on both levels, in both languages. */
export interface SiteCategory {
  readonly group: { readonly zh: string; readonly en: string };
  readonly subgroup: { readonly zh: string; readonly en: string };
}

/** A video of the collection; its embedding and the features of its frames are rows of {@link VIDEOS_FILE}. */
export interface SiteVideo {
  readonly id: string;
  readonly title: string;
  readonly ocr: string;
  readonly asr: string;
  readonly tags: readonly string[];
  /** Four digits; absent where nobody knows. */
  readonly category?: string;
  /** Whether it is for learning, or to measure by. */
  readonly heldOut: boolean;
  /** Number of its frames: so many rows of features. */
  readonly frames: number;
  /** Path of its picture. */
  readonly picture: string;
}

/** Tensors `embeddings` [N, D] and `features` [frames of all, Dv], in the order of the videos. */
export const VIDEOS_FILE = 'videos.safetensors';
export const SITE_FILE = 'site.json';
