import type { WeightInfo } from './source.js';

/** What became of a checkpoint's tensors and of a tree's parameters. */
export interface WeightReport {
  /** Path of the checkpoint. */
  readonly source: string;
  /** Parameters with the checkpoint's values; shape and type are the tensor's. */
  readonly loaded: readonly (WeightInfo & { readonly path: string; readonly name: string })[];
  /** Parameters that the checkpoint has not: they keep the values they had, or are made anew. */
  readonly missing: readonly { readonly path: string; readonly shape: readonly number[]; readonly reason: string }[];
  /** Tensors that were not read. */
  readonly unused: readonly (WeightInfo & { readonly name: string; readonly reason: string })[];
}

/** The report as a table, the layers of a model folded into one line each. */
export function formatWeightReport({ source, loaded, missing, unused }: WeightReport): string {
  const rows = [
    ...fold(loaded.map(({ path, name, shape, dtype }) => ['loaded', path, name, `${dtype} [${shape.join(', ')}]`])),
    ...fold(missing.map(({ path, shape, reason }) => ['new', path, reason, `[${shape.join(', ')}]`])),
    ...fold(
      unused.map(({ name, shape, dtype, reason }) => ['ignored', name, reason, `${dtype} [${shape.join(', ')}]`]),
    ),
  ];
  const values = loaded.reduce((sum, { shape }) => sum + shape.reduce((size, n) => size * n, 1), 0);
  const summary =
    `${source}: ${loaded.length} parameters loaded (${values.toLocaleString('en')} values), ` +
    `${missing.length} new, ${unused.length} tensors ignored`;
  return [summary, ...align([['', 'here', 'checkpoint', 'tensor'], ...rows])].join('\n');
}

/** The number of a layer inside a path. */
const NUMBER = /(?<=\.)\d+(?=\.)/;

/** Rows that differ in numbers of layers only become one: `layers.{0-11}.output.bias`. */
function fold(rows: readonly string[][]): string[][] {
  const groups = new Map<string, string[][]>();
  for (const row of rows) {
    const key = JSON.stringify([row[1].replace(NUMBER, '*'), row[3]]);
    groups.set(key, [...(groups.get(key) ?? []), row]);
  }
  return [...groups.values()].map((group) =>
    group[0].map((text, column) => foldTexts(group.map((row) => row[column])) ?? text),
  );
}

function foldTexts(texts: readonly string[]): string | undefined {
  const numbers = texts.map((text) => NUMBER.exec(text)?.[0]);
  if (texts.length === 1 || texts[0] === texts.at(-1) || numbers.includes(undefined)) return undefined;
  return texts[0].replace(NUMBER, `{${numbers[0]}-${numbers.at(-1)}}`);
}

function align(rows: readonly string[][]): string[] {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column]))
      .join('  ')
      .trimEnd(),
  );
}
