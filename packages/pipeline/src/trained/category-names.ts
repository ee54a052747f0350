import { CATEGORY_NAMES_FILE, joinNames } from '@wbdc/data/web';
import { z } from 'zod';
import { TrainedError } from './errors.js';
import { pathOf, type ModelFiles } from './model-files.js';

/** Name of a category of two digits (level 1) or four, where there is one. */
export type NameOf = (category: string) => string | undefined;

const level = z.object({ zh: z.string() });
const namesSchema = z.record(z.string(), z.union([z.string(), z.object({ group: level, subgroup: level })]));

/** Names from a model's folder: `{id: name}`, or as WBDC's data sets have them. */
export async function readCategoryNames(files: ModelFiles): Promise<NameOf> {
  const text = await files.readText(CATEGORY_NAMES_FILE);
  if (text === undefined) return () => undefined;
  const names = new Map<string, string>();
  for (const [id, value] of Object.entries(parseNames(text, pathOf(files, CATEGORY_NAMES_FILE)))) {
    if (typeof value === 'string') names.set(id, value);
    else names.set(id, joinNames(value, 'zh')).set(id.slice(0, 2), value.group.zh);
  }
  return (category) => names.get(category);
}

function parseNames(text: string, where: string): z.output<typeof namesSchema> {
  try {
    return namesSchema.parse(JSON.parse(text));
  } catch (cause) {
    const expected = 'the names of categories, {"0901": "name"}';
    const advice = 'repair or remove the file';
    throw new TrainedError({ where, expected, got: 'something else', advice, code: 'model-files' }, { cause });
  }
}
