import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';

/** A temporary folder for one test file; removed after it. */
export function testFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'wbdc-data-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

export const fixture = (name: string): string => join(import.meta.dirname, 'fixtures', name);
