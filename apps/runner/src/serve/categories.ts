import { join } from 'node:path';
import { favourRareClasses } from '@wbdc/finetune';
import { z } from 'zod';
import { readIfThere } from '@wbdc/io';
import { UserError } from '../errors.js';
import { joinNames } from '@wbdc/data';
import type { JsonObject } from '../stage.js';
import { CATEGORY_NAMES_FILE } from '@wbdc/finetune/node';
import type { ServedModel } from './model.js';

/** Name of a category of two digits (level 1) or four, where there is one. */
export type NameOf = (category: string) => string | undefined;

const level = z.object({ zh: z.string() });
const namesJson = z.record(z.string(), z.union([z.string(), z.object({ group: level, subgroup: level })]));

/** Names from a model's folder: `{id: name}`, or as the embedded data set has them. */
export async function readNames(folder: string): Promise<NameOf> {
  const path = join(folder, CATEGORY_NAMES_FILE);
  const names = new Map<string, string>();
  for (const [id, value] of Object.entries(parseNames((await readIfThere(path)) ?? '{}', path))) {
    if (typeof value === 'string') names.set(id, value);
    else names.set(id, joinNames(value, 'zh')).set(id.slice(0, 2), value.group.zh);
  }
  return (category) => names.get(category);
}

function parseNames(text: string, path: string): z.output<typeof namesJson> {
  try {
    return namesJson.parse(JSON.parse(text));
  } catch (cause) {
    throw new UserError(
      `${path}: expected the names of categories, {"0901": "name"}, got something else: repair or remove the file`,
      1,
      { cause },
    );
  }
}

/**
 * What is said about a video's categories: the chosen one, its level 1, and the first few. Probabilities are the model's own;
 * where it favours rare categories, that decides their order.
 */
export function describeCategories(
  probabilities: Float32Array,
  { classes, rare }: Pick<ServedModel, 'classes' | 'rare'>,
  nameOf: NameOf,
  top: number,
): JsonObject {
  const named = (category: string, probability: number): JsonObject => ({
    category,
    name: nameOf(category),
    probability: rounded(probability),
  });
  const scores = probabilities.slice();
  if (rare !== undefined) favourRareClasses(scores, rare.counts, rare.strength);
  const order = [...classes.keys()].sort((a, b) => scores[b] - scores[a]);
  const [best] = order;
  const group = classes[best].slice(0, 2);
  const inGroup = order.filter((i) => classes[i].startsWith(group));
  return {
    ...named(classes[best], probabilities[best]),
    level1: named(
      group,
      inGroup.reduce((sum, i) => sum + probabilities[i], 0),
    ),
    top: order.slice(0, top).map((i) => named(classes[i], probabilities[i])),
  };
}

/** Six digits are more than there is to know. */
export function rounded(value: number): number {
  return Number(value.toPrecision(6));
}
