import { nearestOf } from '@wbdc/io/errors';
import { z } from 'zod';
import { whereIs, whereIsKey, type SettingMap } from './setting.js';

type Issue = z.core.$ZodIssue;

/** Everything wrong with a configuration, one line each: where, which setting, expected what, got what. */
export function describeIssues(
  issues: readonly Issue[],
  schema: z.core.$ZodType,
  root: SettingMap,
  value: unknown,
): string[] {
  return issues.flatMap((issue) => {
    if (issue.code === 'unrecognized_keys') {
      return issue.keys.map((key) => `${whereIsKey(root, issue.path, key)}: ${unknownKey(issue.path, key, schema)}`);
    }
    const name = issue.path.join('.');
    return [
      `${whereIs(root, issue.path)}: ${name === '' ? '' : `${name}: `}${explain(issue, valueAt(value, issue.path))}`,
    ];
  });
}

function unknownKey(path: readonly PropertyKey[], key: string, schema: z.core.$ZodType): string {
  const known = keysAt(schema, path);
  const nearest = nearestOf(key, known);
  const hint = nearest === undefined ? `known here: ${known.join(', ')}` : `did you mean '${nearest}'?`;
  return `${[...path, key].join('.')}: unknown setting; ${hint}`;
}

function keysAt(schema: z.core.$ZodType, path: readonly PropertyKey[]): string[] {
  let current = unwrap(schema);
  for (const key of path) {
    if (current instanceof z.ZodObject) current = unwrap(current.shape[String(key)]);
    else if (current instanceof z.ZodArray) current = unwrap(current.element);
  }
  return current instanceof z.ZodObject ? Object.keys(current.shape) : [];
}

/** The schema inside defaults, `nullable` and `optional`. */
function unwrap(schema: z.core.$ZodType): z.core.$ZodType {
  const wrapped =
    schema instanceof z.ZodDefault ||
    schema instanceof z.ZodPrefault ||
    schema instanceof z.ZodNullable ||
    schema instanceof z.ZodOptional;
  return wrapped ? unwrap(schema.unwrap()) : schema;
}

function explain(issue: Issue, got: unknown): string {
  const expected = expectedBy(issue);
  if (expected === undefined) return issue.message;
  const text = issue.code === 'too_small' || issue.code === 'too_big' ? size(got) : show(got);
  const hint = issue.code === 'invalid_value' ? suggestion(got, issue.values.map(String)) : '';
  return `expected ${expected}, got ${text}${hint}`;
}

function expectedBy(issue: Issue): string | undefined {
  switch (issue.code) {
    case 'invalid_type':
      return typeName(issue.expected, issue);
    case 'invalid_value':
      return oneOf(issue.values.map(String));
    case 'too_small':
      return bound(issue.origin, issue.inclusive === false ? 'above' : 'at least', issue.minimum);
    case 'too_big':
      return bound(issue.origin, issue.inclusive === false ? 'below' : 'at most', issue.maximum);
    case 'invalid_format':
      return issue.message;
    case 'invalid_union':
      return issue.errors.flatMap(([first]) => alternative(first) ?? []).join(' or ') || undefined;
    default:
      return undefined;
  }
}

/** What one of several kinds of value would have to be, by its first problem. */
function alternative(issue: Issue): string | undefined {
  const expected = expectedBy(issue);
  return expected === undefined || issue.path.length === 0 ? expected : `${expected} at ${issue.path.join('.')}`;
}

function typeName(expected: string, issue: Issue): string {
  if (expected === 'int' || ('format' in issue && issue.format === 'safeint')) return 'a whole number';
  const names: Readonly<Record<string, string>> = {
    number: 'a number',
    string: 'a text',
    boolean: 'true or false',
    object: 'a group of settings',
    array: 'a list',
  };
  return names[expected] ?? expected;
}

function bound(origin: string, relation: string, limit: number | bigint): string {
  if (origin === 'array') return `${relation} ${limit} ${limit === 1 ? 'entry' : 'entries'}`;
  if (origin === 'string') return limit === 1 ? 'a text that is not empty' : `${relation} ${limit} characters`;
  return `a number ${relation} ${limit}`;
}

/** What was got where a size was wrong. */
function size(got: unknown): string {
  return Array.isArray(got) ? `${got.length}` : show(got);
}

function show(got: unknown): string {
  if (got === undefined) return 'nothing';
  if (got === null) return 'nothing (null)';
  if (Array.isArray(got)) return `a list of ${got.length}`;
  if (typeof got === 'object') return `a group of settings (${Object.keys(got).slice(0, 5).join(', ')})`;
  return typeof got === 'string' ? `the text '${got}'` : String(got);
}

function oneOf(values: readonly string[]): string {
  return values.length === 1 ? `'${values[0]}'` : `one of ${values.map((value) => `'${value}'`).join(', ')}`;
}

function suggestion(got: unknown, values: readonly string[]): string {
  const nearest = typeof got === 'string' ? nearestOf(got, values) : undefined;
  return nearest === undefined ? '' : `; did you mean '${nearest}'?`;
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  let current = value;
  for (const key of path) {
    if (typeof current !== 'object' || current === null) return undefined;
    current = (current as Record<PropertyKey, unknown>)[key];
  }
  return current;
}
