import type { Embeddings, ProbabilityEnsemble } from '@wbdc/ensemble-svd';
import { writeFileAtomic, writeJson } from '@wbdc/io';
import { meanAveragePrecision } from '@wbdc/metrics';
import type { EnsembleMember } from './ensemble-member.js';
import { finetuneFiles, type FinetuneFiles } from './files.js';
import { writeClasses } from './labels.js';
import { chooseTags } from './predicted-tags.js';
import { writeProbabilities } from './probabilities.js';

/** Mean average precision over the tags of the videos that have some of them; nothing where none is known. */
export function judgeByTags(
  tags: readonly string[],
  truth: ReadonlyMap<string, readonly string[]>,
  ids: readonly string[],
): ((one: Pick<ProbabilityEnsemble, 'values'>) => number) | undefined {
  const wanted = new Set(tags);
  const known = [...ids.keys()].filter((row) => (truth.get(ids[row]) ?? []).some((tag) => wanted.has(tag)));
  if (known.length === 0) return undefined;
  const right = known.flatMap((row) => {
    const own = new Set(truth.get(ids[row]));
    return tags.map((tag) => Number(own.has(tag)));
  });
  const size = { rows: known.length, columns: tags.length };
  return ({ values }) => {
    const scores = known.flatMap((row) => [...values.subarray(row * tags.length, (row + 1) * tags.length)]);
    return meanAveragePrecision(right, scores, size);
  };
}

/** The weighted mean of the models' thresholds, 1/2 of one that has chosen none. */
export function meanThresholds(members: readonly EnsembleMember[], weights: readonly number[]): number[] {
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return members[0].classes!.map((_, k) =>
    members.reduce((sum, { thresholds }, m) => sum + (weights[m] / total) * (thresholds?.[k] ?? 0.5), 0),
  );
}

/** Writes what a finetune stage of tags leaves: the list, probabilities, the chosen tags, and the thresholds. */
export async function writeTagEnsemble(
  folder: string,
  { ids, values }: Embeddings,
  tags: readonly string[],
  thresholds: readonly number[],
): Promise<Pick<FinetuneFiles, 'tags' | 'tagProbabilities'>> {
  const files = finetuneFiles(folder);
  const probabilities = Float32Array.from(values);
  await writeClasses(files.tagList, tags);
  await writeProbabilities(files.tagProbabilities, [{ ids: [...ids], values: probabilities }]);
  await writeJson(files.scores, { perTag: tags.map((tag, k) => ({ tag, threshold: thresholds[k] })) });
  const place = new Map(tags.map((tag, k) => [tag, k]));
  const chosen = chooseTags(probabilities, tags, thresholds);
  const lines = ids.map((id, row) => {
    const probabilityOf = (tag: string): number => probabilities[row * tags.length + place.get(tag)!];
    const said = chosen[row]
      .map((tag) => ({ tag, probability: Number(probabilityOf(tag).toPrecision(6)), chosen: true }))
      .sort((a, b) => b.probability - a.probability);
    return `${JSON.stringify({ id, tags: said })}\n`;
  });
  await writeFileAtomic(files.tags, lines.join(''));
  return files;
}
