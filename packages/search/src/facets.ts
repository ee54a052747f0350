import type { Table } from '@lancedb/lancedb';

/** What an index could be narrowed by. */
export interface IndexFacets {
  readonly categories: readonly Facet[];
  readonly tags: readonly Facet[];
}

export interface Facet {
  readonly name: string;
  /** Videos that have it. */
  readonly count: number;
}

/** Counts categories and tags of the rows that a condition allows. */
export async function countFacets(table: Table, condition: string | undefined): Promise<IndexFacets> {
  const counts = { categories: new Map<string, number>(), tags: new Map<string, number>() };
  const query = table.query().select(['categories', 'tags']);
  for await (const batch of condition === undefined ? query : query.where(condition)) {
    for (const name of ['categories', 'tags'] as const) {
      const column = batch.getChild(name);
      for (let i = 0; i < batch.numRows; i++) {
        const values: unknown = column?.get(i);
        if (values === null || values === undefined) continue;
        for (const value of values as Iterable<string>) counts[name].set(value, (counts[name].get(value) ?? 0) + 1);
      }
    }
  }
  return { categories: ordered(counts.categories), tags: ordered(counts.tags) };
}

function ordered(counts: ReadonlyMap<string, number>): Facet[] {
  const facets = [...counts].map(([name, count]) => ({ name, count }));
  return facets.sort((a, b) => b.count - a.count || (a.name < b.name ? -1 : 1));
}
