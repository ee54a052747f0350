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
  readonly groups: Int32Array;
  readonly groupNames: SharedIds;
  readonly tags: SharedTags;
}

/** What is known of a video before its frames are read. */
export interface Row {
  readonly text: PackedText;
  readonly categoryId: string | undefined;
  readonly group: string | undefined;
  /** Undefined where the video comes without tags. */
  readonly tags: readonly string[] | undefined;
}

/** All that a data set keeps in memory: ids, tokens, categories and tags, column by column. */
export class Columns {
  private constructor(
    private readonly ids: IdIndex,
    private readonly texts: PackedTexts,
    private readonly categories: Names,
    private readonly groups: Names,
    readonly tags: TagLists,
  ) {}

  static create(vocabSize: number, fields: readonly string[]): Columns {
    const texts = PackedTexts.create(vocabSize, fields);
    return new Columns(new IdIndex(), texts, new Names(), new Names(), new TagLists());
  }

  /** What another thread has shared. */
  static of({ ids, texts, tags, ...names }: SharedColumns): Columns {
    const categories = Names.of(names.categories, names.categoryNames);
    const groups = Names.of(names.groups, names.groupNames);
    return new Columns(IdIndex.of(ids), PackedTexts.of(texts), categories, groups, TagLists.of(tags));
  }

  share(): SharedColumns {
    const { ids, texts, categories, groups, tags } = this;
    return {
      ...{ ids: ids.share(), texts: texts.share(), tags: tags.share() },
      ...{ categories: categories.rows.share(), categoryNames: categories.names.share() },
      ...{ groups: groups.rows.share(), groupNames: groups.names.share() },
    };
  }

  get size(): number {
    return this.ids.size;
  }

  has(id: string): boolean {
    return this.ids.get(id) >= 0;
  }

  add(id: string, { text, categoryId, group, tags }: Row): void {
    this.ids.add(id);
    this.texts.add(text);
    this.categories.add(categoryId);
    this.groups.add(group);
    this.tags.add(tags);
  }

  length(i: number): number {
    return this.texts.length(i);
  }

  id(i: number): string {
    return this.ids.at(i);
  }

  text(i: number): Omit<Example, 'frames'> {
    const [categoryId, group] = [this.categories.at(i), this.groups.at(i)];
    const tags = this.tags.get(i);
    return {
      id: this.id(i),
      ...this.texts.get(i),
      ...(tags && { tags }),
      ...(categoryId !== undefined && { categoryId }),
      ...(group !== undefined && { group }),
    };
  }
}

/** A name a row, or none: each name is kept once. */
class Names {
  constructor(
    readonly rows: Growing<Int32Array> = new Growing(Int32Array),
    readonly names = new IdIndex(),
  ) {}

  static of(rows: Int32Array, names: SharedIds): Names {
    return new Names(Growing.of(rows), IdIndex.of(names));
  }

  add(name: string | undefined): void {
    this.rows.push(name === undefined ? -1 : this.numberOf(name));
  }

  at(i: number): string | undefined {
    const number = this.rows.at(i);
    return number < 0 ? undefined : this.names.at(number);
  }

  private numberOf(name: string): number {
    const known = this.names.get(name);
    return known >= 0 ? known : this.names.add(name);
  }
}
