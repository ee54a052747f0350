import { WbdcError } from '@wbdc/io/errors';

/** Checks the top-level keys of `expected` against a checkpoint's configuration; one error lists all that differ. */
export function assertSameConfig(expected: Readonly<Record<string, unknown>>, found: unknown, where: string): void {
  const saved = isRecord(found) ? found : {};
  const differences = Object.entries(expected).flatMap(([key, value]) => compare(normal(value), saved[key], key));
  if (differences.length === 0) return;
  const shown = differences.slice(0, 5).join('; ') + (differences.length > 5 ? `; ${differences.length - 5} more` : '');
  throw new WbdcError(
    `${where}: the checkpoint is of another configuration: ${shown}. Change the configuration or start anew`,
  );
}

/** As it would come back from JSON. */
function normal(value: unknown): unknown {
  return value === undefined ? undefined : JSON.parse(JSON.stringify(value));
}

function compare(expected: unknown, found: unknown, path: string): string[] {
  if (isRecord(expected) && isRecord(found)) {
    const keys = [...new Set([...Object.keys(expected), ...Object.keys(found)])];
    return keys.flatMap((key) => compare(expected[key], found[key], `${path}.${key}`));
  }
  const [wanted, got] = [JSON.stringify(expected), JSON.stringify(found)];
  return wanted === got ? [] : [`${path}: expected ${wanted ?? 'nothing'}, got ${got ?? 'nothing'}`];
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
