import { matchesPattern } from '@wbdc/checkpoints';
import { WbdcError } from '@wbdc/io/errors';

/**
 * The paths a pattern covers (see `matchesPattern` of @wbdc/nn); covering none is an error that names the nearest
 * paths.
 */
export function matchPaths(pattern: string, paths: readonly string[], where: string): string[] {
  const matches = paths.filter((path) => matchesPattern(pattern, path));
  if (matches.length > 0) return matches;
  throw new WbdcError(
    `${where}: expected the pattern '${pattern}' to match a parameter, got none of ${paths.length}; ` +
      `the nearest are ${nearestPaths(pattern, paths).join(', ')}. Patterns cover the whole path: * one part, ** many`,
  );
}

/** The paths that take the fewest edits to become the pattern without its stars. */
export function nearestPaths(pattern: string, paths: readonly string[], count = 3): string[] {
  const text = pattern.replaceAll('*', '');
  const ranked = paths.map((path) => ({ path, distance: editDistance(text, path) }));
  ranked.sort((a, b) => a.distance - b.distance);
  return ranked.slice(0, count).map(({ path }) => path);
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      next[j] = Math.min(row[j] + 1, next[j - 1] + 1, row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1));
    }
    row = next;
  }
  return row[b.length];
}
