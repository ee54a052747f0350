/** The file of a data set or a model that names its categories. */
export const CATEGORY_NAMES_FILE = 'categories.json';

/** Names of a category: level 1 (`group`) and level 2 (`subgroup`), the latter empty where there is one level. */
export interface CategoryName {
  readonly group: BilingualName;
  readonly subgroup: BilingualName;
}

/** Names by 4-digit id, as categories.json keeps them. */
export type CategoryNames = Readonly<Record<string, CategoryName>>;

export interface BilingualName {
  readonly key: string;
  readonly zh: string;
  readonly en: string;
}

/** `group / subgroup`, or the one there is. */
export function joinNames<L extends 'zh' | 'en'>(
  { group, subgroup }: Readonly<Record<keyof CategoryName, Readonly<Record<L, string>>>>,
  language: L,
): string {
  return [group[language], subgroup[language]].filter(Boolean).join(' / ');
}
