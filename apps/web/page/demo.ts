import { parseSafetensors } from '@wbdc/checkpoints';
import { dot } from '@wbdc/metrics';
import type { Floats } from '@wbdc/nn';
import {
  finetuneInMemory,
  openTrained,
  type FinetuneInMemoryOptions,
  type ModelBytes,
  type TrainedInput,
  type TrainedModel,
} from '@wbdc/pipeline';
import { picturePixels, videoFrames } from '@wbdc/video-features/web';
import { SITE_FILE, VIDEOS_FILE, type Site, type SiteVideo } from '../src/site.js';

/** What the models say of a video. */
export interface Answer {
  /** The most probable first; nothing where no model for categories is there yet. */
  readonly categories: readonly Probable[] | undefined;
  readonly tags: readonly Probable[];
  /** The nearest of the collection. */
  readonly near: readonly Neighbour[];
}

export interface Probable {
  /** Four digits of a category, or a tag. */
  readonly name: string;
  readonly probability: number;
}

export interface Neighbour {
  readonly video: SiteVideo;
  /** The cosine. */
  readonly score: number;
}

/** Shares of the held-out videos. */
export interface Accuracy {
  readonly model: number;
  /** Of the category that is most frequent among the videos to learn from. */
  readonly mostFrequent: number;
  readonly videos: number;
}

/** How many of each the page shows. */
const TOP = { categories: 5, tags: 8, near: 12 };

/** The models and the collection of a published page. */
export class Demo {
  readonly #base: URL;
  readonly #tags: TrainedModel;
  readonly #embeddings: Floats;
  readonly #features: Floats;
  #categories: TrainedModel | undefined;

  private constructor(
    readonly site: Site,
    base: URL,
    tags: TrainedModel,
    categories: TrainedModel | undefined,
    { embeddings, features }: Readonly<Record<'embeddings' | 'features', Floats>>,
  ) {
    this.#base = base;
    this.#tags = tags;
    this.#categories = categories;
    this.#embeddings = embeddings;
    this.#features = features;
  }

  /** Opens what stands beside the page; the engine was chosen before. */
  static async open(base: URL): Promise<Demo> {
    const site = JSON.parse(new TextDecoder().decode(await fetchBytes(new URL(SITE_FILE, base)))) as Site;
    const { tensors } = parseSafetensors(await fetchBytes(new URL(VIDEOS_FILE, base)), VIDEOS_FILE);
    const { tags, categories } = site.models;
    const tagModel = await openTrained(new URL(tags, base));
    if (tagModel.hash !== site.embeddedBy)
      throw new Error(`${VIDEOS_FILE}: embeddings of another model: publish again`);
    const named = categories === undefined ? undefined : await openTrained(new URL(categories, base));
    const tables = { embeddings: tensors['embeddings'] as Floats, features: tensors['features'] as Floats };
    return new Demo(site, base, tagModel, named, tables);
  }

  /** Whether videos get categories. */
  get tellsCategories(): boolean {
    return this.#categories !== undefined;
  }

  /** What the models say of frames or features, with texts. */
  async answer(input: TrainedInput, without?: string): Promise<Answer> {
    const [{ features }] = await this.#tags.features([input]);
    const { title = '', ocr = '', asr = '' } = input;
    const inputs = [{ features, title, ocr, asr }];
    const [{ tags }] = await this.#tags.tag(inputs, { top: TOP.tags });
    const [{ embedding }] = await this.#tags.embed(inputs);
    const classified = await this.#categories?.classify(inputs, { top: TOP.categories });
    return {
      categories: classified?.[0].categories.map(({ category, probability }) => ({ name: category, probability })),
      tags: tags.map(({ tag, probability }) => ({ name: tag, probability })),
      near: this.#nearest(embedding, without),
    };
  }

  #nearest(embedding: Float32Array, without: string | undefined): Neighbour[] {
    const { data, shape } = this.#embeddings;
    const scored = this.site.videos.map((video, i) => {
      return { video, score: dot(data.subarray(i * shape[1], (i + 1) * shape[1]), embedding) };
    });
    const others = scored.filter(({ video }) => video.id !== without);
    return others.sort((a, b) => b.score - a.score).slice(0, TOP.near);
  }

  /** A video of the collection, as a model takes it. */
  inputOf(index: number) {
    const { videos } = this.site;
    const before = videos.slice(0, index).reduce((sum, { frames }) => sum + frames, 0);
    const { id, title, ocr, asr, frames } = videos[index];
    const [, width] = this.#features.shape;
    const data = this.#features.data.slice(before * width, (before + frames) * width);
    return { id, title, ocr, asr, features: { data, shape: [frames, width] } };
  }

  /** The labelled videos of the collection, held out or not. */
  #labelled(heldOut: boolean) {
    return this.site.videos.flatMap((video, i) => {
      if (video.category === undefined || video.heldOut !== heldOut) return [];
      return [{ ...this.inputOf(i), category: video.category }];
    });
  }

  /** Finetunes the pretrained model for categories, here; from then on it is the one that tells them. */
  async train(options: FinetuneInMemoryOptions): Promise<ModelBytes> {
    const source = new URL(this.site.models.tags, this.#base);
    const { files } = await finetuneInMemory(source, this.#labelled(false), { batchSize: 8, ...options });
    const model = await openTrained(files);
    await this.#categories?.close();
    this.#categories = model;
    return files;
  }

  /** How often the present model for categories is right on the held-out videos. */
  async measure(): Promise<Accuracy | undefined> {
    const heldOut = this.#labelled(true);
    if (this.#categories === undefined || heldOut.length === 0) return undefined;
    const rows = await this.#categories.classify(heldOut, { top: 1 });
    const right = rows.filter(({ categories }, i) => categories[0].category === heldOut[i].category).length;
    const counts = new Map<string, number>();
    for (const { category } of this.#labelled(false)) counts.set(category, (counts.get(category) ?? 0) + 1);
    const [mostFrequent] = [...counts].sort((a, b) => b[1] - a[1])[0] ?? [];
    const usual = heldOut.filter(({ category }) => category === mostFrequent).length;
    return { model: right / heldOut.length, mostFrequent: usual / heldOut.length, videos: heldOut.length };
  }

  async close(): Promise<void> {
    await this.#tags.close();
    await this.#categories?.close();
  }
}

/** The frames of a video or picture that was dropped or chosen. */
export async function framesOfFile(file: File) {
  return file.type.startsWith('image/') ? [await picturePixels(file)] : (await videoFrames(file)).frames;
}

async function fetchBytes(url: URL): Promise<Uint8Array> {
  const response = await fetch(url);
  if (response.ok) return new Uint8Array(await response.arrayBuffer());
  throw new Error(`${url.pathname}: ${response.status}`);
}
