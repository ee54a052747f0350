import { Growing, IdIndex, type SharedIds } from '@wbdc/io/tables';
import type { Example } from './collate.js';
import { PackedTexts, type PackedText, type SharedTexts } from './packed-texts.js';
import { TagLists, type SharedTags } from './tag-lists.js';

/** The columns of a data set in memory that threads share. */
export interface SharedColumns {
  readonly ids: SharedIds;
  readonly texts: SharedTexts;
  readonly categories: Int32Array;
  readonly categoryNames: SharedIds;
  readonly tags: SharedTags;
}

/** What is known of a video before its frames are read. */
export interface Row {
  readonly text: PackedText;
  readonly categoryId: string | undefined;
  /** Undefined where the video comes without tags. */
  readonly tags: readonly string[] | undefined;
}

/** All that a data set keeps in memory: ids, tokens, categories and tags, column by column. */
export class Columns {
  private constructor(
    private readonly ids: IdIndex,
    private readonly texts: PackedTexts,
    private readonly categories: Growing<Int32Array>,
    private readonly categoryNames: IdIndex,
    readonly tags: TagLists,
  ) {}

  static create(vocabSize: number, fields: readonly string[]): Columns {
    const texts = PackedTexts.create(vocabSize, fields);
    return new Columns(new IdIndex(), texts, new Growing(Int32Array), new IdIndex(), new TagLists());
  }

  /** What another thread has shared. */
  static of({ ids, texts, categories, categoryNames, tags }: SharedColumns): Columns {
    const names = IdIndex.of(categoryNames);
    return new Columns(IdIndex.of(ids), PackedTexts.of(texts), Growing.of(categories), names, TagLists.of(tags));
  }

  share(): SharedColumns {
    const { ids, texts, categories, categoryNames, tags } = this;
    return {
      ...{ ids: ids.share(), texts: texts.share(), categories: categories.share() },
      ...{ categoryNames: categoryNames.share(), tags: tags.share() },
    };
  }

  get size(): number {
    return this.ids.size;
  }

  has(id: string): boolean {
    return this.ids.get(id) >= 0;
  }

  add(id: string, { text, categoryId, tags }: Row): void {
    this.ids.add(id);
    this.texts.add(text);
    this.categories.push(categoryId === undefined ? -1 : this.numberCategory(categoryId));
    this.tags.add(tags);
  }

  length(i: number): number {
    return this.texts.length(i);
  }

  id(i: number): string {
    return this.ids.at(i);
  }

  text(i: number): Omit<Example, 'frames'> {
    const category = this.categories.at(i);
    const tags = this.tags.get(i);
    return {
      id: this.id(i),
      ...this.texts.get(i),
      ...(tags && { tags }),
      ...(category >= 0 && { categoryId: this.categoryNames.at(category) }),
    };
  }

  private numberCategory(name: string): number {
    const known = this.categoryNames.get(name);
    return known >= 0 ? known : this.categoryNames.add(name);
  }
}
