import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { changesOf } from '@wbdc/pipeline/changes';
import { describe, expect, it } from 'vitest';
import { asNowBy } from '../src/commands/run-stage.js';
import { ALL_STAGES } from '../src/commands/stages.js';
import { loadConfig } from '../src/config/load.js';
import { configSchema } from '../src/config/schema.js';
import type { JsonObject } from '../src/run/stage.js';

const folder = fileURLToPath(new URL('../configs', import.meta.url));
const files = ['demo.yaml', ...['aiac2021', 'wbdc2022'].flatMap((name) => inFolder(name))];

function inFolder(name: string): string[] {
  return readdirSync(join(folder, name))
    .filter((file) => file.endsWith('.yaml'))
    .map((file) => join(name, file));
}

/** Paths of all that a record holds, objects too. */
function pathsOf(value: unknown, before: readonly string[] = []): string[][] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return [];
  return Object.entries(value).flatMap(([key, own]) => [[...before, key], ...pathsOf(own, [...before, key])]);
}

function without(settings: JsonObject, path: readonly string[]): JsonObject {
  const copy = structuredClone(settings);
  const holder = path.slice(0, -1).reduce<unknown>((one, key) => (one as JsonObject)[key], copy) as object;
  Reflect.deleteProperty(holder, path.at(-1)!);
  return copy;
}

/** What an object of the configuration has where it says nothing of a key: the defaults of the schema. */
const DEFAULTS = configSchema.parse({});

describe.each(files)('records of an earlier version, for %s', (file) => {
  it('lack settings that have their defaults, and are not refused', async () => {
    const config = await loadConfig({ path: join(folder, file), folder });
    let tried = 0;
    const refused: string[] = [];
    for (const stage of ALL_STAGES) {
      const settings = stage.settings(config);
      const defaults = stage.settings(DEFAULTS);
      for (const path of pathsOf(settings)) {
        const value = (from: JsonObject): unknown =>
          path.reduce<unknown>((one, key) => (one as JsonObject | null | undefined)?.[key], from);
        // Only what an earlier version may have lacked: a setting at its default.
        if (JSON.stringify(value(settings)) !== JSON.stringify(value(defaults))) continue;
        tried++;
        const old = { settings: without(settings, path), upstream: {} };
        const changes = changesOf(old, { settings, upstream: {} }, asNowBy(stage));
        if (changes !== undefined) refused.push(`${stage.name}: ${path.join('.')}`);
      }
    }
    // What tells the forms of a setting apart was never missing.
    expect(refused.filter((path) => !path.endsWith('.sampling.kind'))).toEqual([]);
    expect(tried).toBeGreaterThan(100);
  });
});
