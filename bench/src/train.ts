/** One pretraining step of the base recipe: ours on each engine against PyTorch. */
import { rmSync } from 'node:fs';
import { formatCeiling, formatProfile, measureCeiling, type Ceiling, type Profile } from './ceiling.js';
import { compare } from './compare.js';
import { readOptions } from './options.js';
import type { Peer } from './peer.js';
import { LENGTHS, makeViews, recipeOf, writeForPython } from './recipe.js';
import { publish } from './report.js';
import { bytesOfStep, sayRecipe, sayPadding, uniModelPeers } from './uni-model-peers.js';

const options = readOptions(10);
const recipe = recipeOf(options);
const views = makeViews(recipe);
const folder = writeForPython(recipe, views);
const { reference, others, notes } = uniModelPeers('train', recipe, folder);
const last = views.length - 1;
const PROFILED = ['ort', 'tensorflow', 'tensorflow bf16'];

const profiles: Profile[] = [];
let ceiling: Ceiling | undefined;
/** Profiles ours, and asks the first of every kind for the machine's speed at products. */
async function afterwards(peers: readonly Peer[]): Promise<void> {
  const fresh = peers.filter(({ name }) => PROFILED.includes(name) && !profiles.some((known) => known.name === name));
  for (const peer of fresh) profiles.push({ name: peer.name, ...(await peer.profile(last)) });
  const torch = peers.find(({ name }) => name.startsWith('torch'));
  const asked = [...fresh, ...(torch && fresh.includes(peers[0]) ? [torch] : [])];
  if (asked.length > 0) ceiling = await measureCeiling(recipe, views[last], asked, ceiling);
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
      more: [...profiles.map(formatProfile), ...(ceiling ? [formatCeiling(ceiling, profiles)] : [])],
      data: { recipe, profiles, ceiling },
    },
    options,
  );
} finally {
  rmSync(folder, { recursive: true });
}
