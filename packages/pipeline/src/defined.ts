/** The same without the keys that hold nothing. */
export function definedOnly<T extends object>(value: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  const entries = Object.entries(value).filter(([, item]) => item !== undefined);
  return Object.fromEntries(entries) as { [K in keyof T]: Exclude<T[K], undefined> };
}

/** The same with undefined in place of null, which settings have for what is not set. */
export function withoutNulls<T extends object>(value: T): { [K in keyof T]: Exclude<T[K], null> | undefined } {
  const entries = Object.entries(value).map(([name, item]) => [name, item ?? undefined]);
  return Object.fromEntries(entries) as { [K in keyof T]: Exclude<T[K], null> | undefined };
}
