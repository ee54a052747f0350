import { Growing, type ArrayType, type NumberArray } from './growing.js';
import { IdIndex, type SharedIds } from './id-index.js';

/** A table in memory that threads share. */
export interface SharedTable<Column extends string> {
  readonly ids: SharedIds;
  readonly columns: Readonly<Record<Column, NumberArray>>;
}

/** A row of numbers for every id, kept column by column: no object for each of a million ids. */
export class IdTable<Column extends string> {
  private constructor(
    readonly ids: IdIndex,
    private readonly columns: Readonly<Record<Column, Growing<NumberArray>>>,
  ) {}

  /** An empty table; `{ offset: Float64Array }` names a column and the type of its numbers. */
  static create<Column extends string>(types: Readonly<Record<Column, ArrayType<NumberArray>>>): IdTable<Column> {
    return new IdTable(
      new IdIndex(),
      mapValues(types, (type) => new Growing(type)),
    );
  }

  /** What another thread has shared. */
  static of<Column extends string>({ ids, columns }: SharedTable<Column>): IdTable<Column> {
    return new IdTable(IdIndex.of(ids), mapValues(columns, Growing.of<NumberArray>));
  }

  share(): SharedTable<Column> {
    return { ids: this.ids.share(), columns: mapValues(this.columns, (column) => column.share()) };
  }

  get size(): number {
    return this.ids.size;
  }

  /** Whether the id is new; one that is there already keeps its row. */
  add(id: string, row: Readonly<Record<Column, number>>): boolean {
    if (this.ids.add(id) < 0) return false;
    for (const name of Object.keys(this.columns) as Column[]) this.columns[name].push(row[name]);
    return true;
  }

  at(column: Column, row: number): number {
    return this.columns[column].at(row);
  }
}

function mapValues<K extends string, V, W>(record: Readonly<Record<K, V>>, map: (value: V) => W): Record<K, W> {
  return Object.fromEntries(Object.entries<V>(record).map(([key, value]) => [key, map(value)])) as Record<K, W>;
}
