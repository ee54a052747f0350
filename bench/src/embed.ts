/** The forward pass of the base model, without dropout: what embedding videos costs. */
import { rmSync } from 'node:fs';
import { compare } from './compare.js';
import { readOptions } from './options.js';
import { LENGTHS, makeViews, recipeOf, writeForPython } from './recipe.js';
import { publish } from './report.js';
import { bytesOfStep, sayPadding, sayRecipe, uniModelPeers } from './uni-model-peers.js';

const options = readOptions(10);
const recipe = recipeOf(options);
const views = makeViews(recipe);
const folder = writeForPython(recipe, views);
const { reference, others, notes } = uniModelPeers('embed', recipe, folder);

try {
  // The backward pass is not there, nor are gradients and moments.
  const comparison = await compare({ ...options, reference, others, bytesEach: bytesOfStep(recipe) / 3 });
  publish(
    {
      name: 'embed',
      work: `A forward pass (${sayRecipe(recipe)}).`,
      comparison,
      amount: recipe.batch,
      unit: 'videos',
      baselines: ['torch plain', 'torch equal'],
      notes: [...notes, `${LENGTHS}; ${sayPadding(recipe, views)}`],
      data: { recipe },
    },
    options,
  );
} finally {
  rmSync(folder, { recursive: true });
}
