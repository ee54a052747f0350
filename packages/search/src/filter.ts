import { SearchError } from './errors.js';

/** Which videos are meant; what is left out allows all. */
export interface IndexFilter {
  /** Only these. */
  readonly ids?: readonly string[];
  /** None of these. */
  readonly exceptIds?: readonly string[];
  /** Those of at least one of these categories, of whatever level. */
  readonly categories?: readonly string[];
  /** Those that have all of these tags. */
  readonly tags?: readonly string[];
  /** From this time on. Videos without a time are out. */
  readonly after?: Date;
  /** Before this time. */
  readonly before?: Date;
}

/** The filter as a condition of SQL; undefined where it allows all. */
export function conditionOf(filter: IndexFilter): string | undefined {
  const { ids, exceptIds = [], categories = [], tags = [], after, before } = filter;
  const conditions: string[] = [];
  if (ids !== undefined) conditions.push(idsCondition(ids));
  if (exceptIds.length > 0) conditions.push(`NOT (${idsCondition(exceptIds)})`);
  if (categories.length > 0) conditions.push(`array_has_any(categories, ${listed(categories)})`);
  if (tags.length > 0) conditions.push(`array_has_all(tags, ${listed(tags)})`);
  if (after !== undefined) conditions.push(`time >= ${timeLiteral(after, 'after')}`);
  if (before !== undefined) conditions.push(`time < ${timeLiteral(before, 'before')}`);
  return conditions.length === 0 ? undefined : conditions.join(' AND ');
}

export function idsCondition(ids: readonly string[]): string {
  return ids.length === 0 ? 'false' : `id IN (${ids.map(quoted).join(', ')})`;
}

function listed(values: readonly string[]): string {
  return `[${values.map(quoted).join(', ')}]`;
}

/** A value as a literal of SQL, whatever is in it. */
function quoted(value: string): string {
  return `'${value.replaceAll("'", "''")}'`;
}

function timeLiteral(time: Date, where: string): string {
  const milliseconds = time.getTime();
  if (Number.isNaN(milliseconds)) {
    throw new SearchError({ where: `filter.${where}`, expected: 'a time', got: 'no date', code: 'query' });
  }
  return `to_timestamp_millis(${milliseconds})`;
}
