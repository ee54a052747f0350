/** One setting that differs between two configurations. */
export interface Difference {
  readonly path: string;
  readonly before: string;
  readonly after: string;
}

/** Deeper than any settings: a damaged file may nest without end. */
const LONGEST_PATH = 1000;

/** The settings that differ between two trees of plain data, by dotted path. */
export function differences(before: unknown, after: unknown, path = ''): Difference[] {
  if (isGroup(before) && isGroup(after) && path.length < LONGEST_PATH) {
    const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])];
    return keys.flatMap((key) => differences(before[key], after[key], path === '' ? key : `${path}.${key}`));
  }
  const [left, right] = [show(before), show(after)];
  return left === right ? [] : [{ path, before: clip(left), after: clip(right) }];
}

function isGroup(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function show(value: unknown): string {
  try {
    return value === undefined ? 'nothing' : JSON.stringify(value);
  } catch {
    return 'a value that is nested too deeply'; // the stack does not reach
  }
}

function clip(text: string): string {
  return text.length > 80 ? `${text.slice(0, 80)}...` : text;
}
