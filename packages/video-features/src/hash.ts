import { createHash } from 'node:crypto';
import type { ParamTree } from '@wbdc/nn';
import type { ClipVisionParams } from '@wbdc/clip-model';
import { parameterBytes, recipeOf, type FeatureRecipe, type FeatureSettings } from './recipe.js';

/** SHA-256 over paths, shapes and values, hexadecimal: the same on every engine. */
export async function hashParameters(params: ParamTree): Promise<string> {
  const hash = createHash('sha256');
  for await (const bytes of parameterBytes(params)) hash.update(bytes);
  return hash.digest('hex');
}

/** The recipe of features that a tower with these parameters makes. */
export async function featureRecipe(
  settings: FeatureSettings & { readonly params: ClipVisionParams },
): Promise<FeatureRecipe> {
  return recipeOf(settings, await hashParameters(settings.params));
}
