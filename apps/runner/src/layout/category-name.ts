/** Names of a category in both languages, as categories.json has them by id. */
export interface CategoryName {
  readonly group: BilingualName;
  readonly subgroup: BilingualName;
}

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
