import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Sizes by the letters of the legend. */
export type Sizes = Readonly<Record<string, number>>;

/** A size, a letter of the legend, or a calculation with them. */
type Dimension = number | string | { readonly operator: string; readonly left: Dimension; readonly right: Dimension };

interface Shape {
  /** Whether any number of axes stands before the dimensions: `[..., D]`. */
  readonly open: boolean;
  readonly dimensions: readonly Dimension[];
}

/** The letters of ARCHITECTURE.md's section on shapes. */
export const LEGEND: ReadonlySet<string> = readLegend(
  readFileSync(join(import.meta.dirname, '..', '..', 'ARCHITECTURE.md'), 'utf8'),
);

export function readLegend(architecture: string): Set<string> {
  const section = /^## Shapes$([\s\S]*?)(?=^## )/m.exec(architecture)?.[1] ?? '';
  const letters = [...section.matchAll(/\*\*(\w+)\*\*/g)].map(([, letter]) => letter);
  if (letters.length === 0) throw new Error('ARCHITECTURE.md: expected a legend in its section on shapes, got none');
  return new Set(letters);
}

/**
 * Checks a tensor against a shape in the legend's letters: `assertShape(x, '[B, L + F, D]', { B: 3, L: 5, F: 7, D: 22
 * })`. Take distinct sizes, primes where they need not divide one another, or a mistake may not show. A letter without
 * a size takes the one it first meets.
 */
export function assertShape(value: { readonly shape: readonly number[] }, spec: string, sizes: Sizes): void {
  matchShape(spec, value.shape, new Map(Object.entries(sizes)));
}

/**
 * Checks a shape and adds to `sizes` what it says of letters that have none yet.
 *
 * @param spec alternatives of one shape: `[B, D] or [B, 2 D]`
 * @throws RangeError where the shape is another, or leaves open what a calculation is with
 */
export function matchShape(spec: string, actual: readonly number[], sizes: Map<string, number>): void {
  const shapes = parseShapes(spec);
  const match = shapes.map((shape) => solve(shape, actual, sizes)).find((solved) => solved !== undefined);
  if (match) {
    match.forEach((size, letter) => sizes.set(letter, size));
    return;
  }
  const known = [...sizes].filter(([letter]) => new RegExp(`\\b${letter}\\b`).test(spec));
  const list = known.map(([letter, size]) => `${letter} = ${size}`).join(', ');
  throw new RangeError(`expected ${spec}${list && ` with ${list}`}, got [${actual.join(', ')}]`);
}

/** The sizes of all letters where the shape fits, and undefined where it does not. */
function solve(
  { open, dimensions }: Shape,
  actual: readonly number[],
  known: ReadonlyMap<string, number>,
): Map<string, number> | undefined {
  if (open ? actual.length < dimensions.length : actual.length !== dimensions.length) return undefined;
  const sizes = new Map(known);
  let left = dimensions.map((dimension, axis) => ({ dimension, size: actual.at(axis - dimensions.length)! }));
  while (left.length > 0) {
    const next = left.find(({ dimension }) => unknowns(dimension, sizes).size <= 1);
    if (!next) throw new RangeError(`expected the sizes of ${[...unknowns(left[0].dimension, sizes)].join(', ')}`);
    left = left.filter((other) => other !== next);
    const [letter] = unknowns(next.dimension, sizes);
    if (letter !== undefined) sizes.set(letter, solutionOf(next.dimension, letter, next.size, sizes));
    if (evaluate(next.dimension, sizes) !== next.size) return undefined;
  }
  return sizes;
}

function unknowns(dimension: Dimension, sizes: ReadonlyMap<string, number>): Set<string> {
  if (typeof dimension === 'number') return new Set();
  if (typeof dimension === 'string') return new Set(sizes.has(dimension) ? [] : [dimension]);
  return new Set([...unknowns(dimension.left, sizes), ...unknowns(dimension.right, sizes)]);
}

/** What a letter must be for a calculation to give a size, by trying; 0 where nothing does. */
function solutionOf(dimension: Dimension, letter: string, size: number, sizes: ReadonlyMap<string, number>): number {
  const limit = 64 * (size + 1);
  for (let value = 1; value <= limit; value++) {
    if (evaluate(dimension, new Map(sizes).set(letter, value)) === size) return value;
  }
  return 0;
}

function evaluate(dimension: Dimension, sizes: ReadonlyMap<string, number>): number {
  if (typeof dimension === 'number') return dimension;
  if (typeof dimension === 'string') return sizes.get(dimension)!;
  const [left, right] = [evaluate(dimension.left, sizes), evaluate(dimension.right, sizes)];
  switch (dimension.operator) {
    case '+':
      return left + right;
    case '-':
      return left - right;
    case '/':
      return left / right;
    default:
      return left * right;
  }
}

/** @throws SyntaxError where the text is no shape, or has letters that the legend lacks */
export function parseShapes(spec: string, legend: ReadonlySet<string> = LEGEND): Shape[] {
  return spec.split(' or ').map((text) => {
    const list = /^\[(.*)\]$/.exec(text)?.[1];
    if (list === undefined) throw new SyntaxError(`expected a shape as [B, L + F, D], got ${text}`);
    const dimensions = list.split(',').filter((dimension) => dimension.trim() !== '');
    const open = dimensions[0]?.trim() === '...';
    return { open, dimensions: dimensions.slice(open ? 1 : 0).map((dimension) => parseDimension(dimension, legend)) };
  });
}

/** Sums of products; letters and numbers side by side are a product. */
function parseDimension(text: string, legend: ReadonlySet<string>): Dimension {
  const tokens = text.match(/\w+|[^\s\w]/g) ?? [];
  const unknown = tokens.find((token) => /^[a-z]/i.test(token) && !legend.has(token));
  if (unknown !== undefined) {
    throw new SyntaxError(`expected letters of ARCHITECTURE.md's legend (${[...legend].join(', ')}), got '${unknown}'`);
  }
  const fault = (): SyntaxError => new SyntaxError(`expected a dimension such as L + F or D/H, got '${text.trim()}'`);
  const atom = (): Dimension => {
    const token = tokens.shift();
    if (token === undefined || !/^\w+$/.test(token)) throw fault();
    return /^\d+$/.test(token) ? Number(token) : token;
  };
  const product = (): Dimension => {
    let left = atom();
    while (tokens.length > 0 && !'+-'.includes(tokens[0]!)) {
      const operator = '*/'.includes(tokens[0]!) ? tokens.shift()! : '*';
      left = { operator, left, right: atom() };
    }
    return left;
  };
  let left = product();
  while (tokens.length > 0) left = { operator: tokens.shift()!, left, right: product() };
  return left;
}
