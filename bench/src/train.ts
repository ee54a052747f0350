/** One pretraining step of the base recipe: ours on each engine against PyTorch. */
import { rmSync } from 'node:fs';
import { formatCeiling, formatProfile, measureCeiling, type Ceiling } from './ceiling.js';
import { compare } from './compare.js';
import { readOptions } from './options.js';
import type { KernelRow, Peer } from './peer.js';
import { LENGTHS, makeViews, recipeOf, writeForPython } from './recipe.js';
import { publish } from './report.js';
import { bytesOfStep, sayRecipe, sayPadding, uniModelPeers } from './uni-model-peers.js';

const options = readOptions(10);
const recipe = recipeOf(options);
const views = makeViews(recipe);
const folder = writeForPython(recipe, views);
const { reference, others, notes } = uniModelPeers('train', recipe, folder);
const last = views.length - 1;

let profile: { seconds: number; kernels: KernelRow[] } | undefined;
let ceiling: Ceiling | undefined;
async function afterwards(peers: readonly Peer[]): Promise<void> {
  process.stderr.write('profile and matrix products\n');
  profile = await peers[0].profile(last);
  const torch = peers.find(({ name }) => name.startsWith('torch'));
  ceiling = await measureCeiling(recipe, views[last], torch ? [peers[0], torch] : [peers[0]]);
}

try {
  const bytesEach = bytesOfStep(recipe);
  const comparison = await compare({ ...options, reference, others, bytesEach, afterwards });
  publish(
    {
      name: 'train',
      work: `A training step (${sayRecipe(recipe)}; mlm + mfm + tag of ${recipe.tags}, dropout 0.1, clipping, AdamW).`,
      comparison,
      amount: recipe.batch,
      unit: 'videos',
      baselines: ['torch plain', 'torch equal'],
      notes: [...notes, `${LENGTHS}; ${sayPadding(recipe, views)}`],
      more: [formatProfile(profile!.kernels, profile!.seconds), formatCeiling(ceiling!, profile!.seconds)],
      data: { recipe, profile, ceiling },
    },
    options,
  );
} finally {
  rmSync(folder, { recursive: true });
}
