import {
  combineProbabilityFiles,
  finetuneFiles,
  readClasses,
  readOutOfFoldTags,
  writeClasses,
  writeProbabilities,
} from '@wbdc/finetune/node';
import { writeFileAtomic, writeJson } from '@wbdc/io';
import { WbdcError } from '@wbdc/io/errors';
import { divideTagged, frequenciesOf, taggedIn, type Chosen } from './divide-tagged.js';
import { judgeTags, repeated, type TagThresholds } from './judge-tags.js';
import type { CombinedTags, FinetuneOptions, TagScores } from './options.js';
import { noting } from './tags.js';

/**
 * Gathers what each fold's model says of the videos that it did not learn, chooses the thresholds on them, and averages
 * what all say of the held-out videos: measured there by those thresholds, which have not seen them.
 */
export async function combineTagFolds(options: FinetuneOptions, folds: readonly string[]): Promise<CombinedTags> {
  const files = finetuneFiles(options.folder);
  const members = folds.map(finetuneFiles);
  const tags = await readClasses(members[0].tagList);
  await writeClasses(files.tagList, tags);
  const { training, heldOut } = options.data;
  const videos: Chosen = { dataset: training, indices: taggedIn(training) };
  const probabilities = await gatherOutOfFold(
    members.map(({ outOfFold }) => outOfFold),
    files.outOfFold,
    videos,
    tags.length,
  );
  const frequencies = foldFrequencies(options, videos, tags.length);
  const { scores, thresholds } = await judgeTags(options, { videos, tags, probabilities, frequencies });
  const lines: string[] = [];
  const mean = combineProbabilityFiles(
    members.map(({ tagProbabilities }) => tagProbabilities),
    undefined,
    { independent: true },
  );
  const predicted = new Map<string, Float32Array>();
  const known = new Set(taggedIn(heldOut).map((index) => heldOut.id(index)));
  const keeping = async function* () {
    for await (const block of noting(mean, tags, thresholds.model, lines)) {
      block.ids.forEach((id, i) => {
        if (known.has(id)) predicted.set(id, block.values.slice(i * tags.length, (i + 1) * tags.length));
      });
      yield block;
    }
  };
  await writeProbabilities(files.tagProbabilities, keeping());
  await writeFileAtomic(files.tags, lines.join(''));
  const heldOutScores = await judgeHeldOut(options, tags, predicted, thresholds);
  await writeJson(files.scores, { ...scores, ...(heldOutScores && { heldOut: heldOutScores }) });
  const counts = { labelled: videos.indices.length, predicted: heldOut.size };
  return { scores, heldOut: heldOutScores, thresholds: thresholds.model, counts };
}

/** The lines of all folds in one file; gives the probabilities of the videos `[N, T]`. */
async function gatherOutOfFold(
  paths: readonly string[],
  path: string,
  { dataset, indices }: Chosen,
  count: number,
): Promise<Float32Array> {
  const rows = new Map(indices.map((index, row) => [dataset.id(index), row]));
  const values = new Float32Array(indices.length * count);
  const lines = async function* (): AsyncGenerator<string> {
    for (const from of paths) {
      for await (const line of readOutOfFoldTags(from)) {
        const row = rows.get(line.id);
        if (row === undefined || line.probabilities.length !== count) {
          const got = row === undefined ? `${line.id}, which is none` : `${line.probabilities.length} of ${line.id}`;
          const expected = `probabilities of ${count} tags of the videos to learn from`;
          throw new WbdcError({ where: from, expected, got, advice: 'train the folds again' });
        }
        values.set(line.probabilities, row * count);
        yield `${JSON.stringify(line)}\n`;
      }
    }
  };
  await writeFileAtomic(path, lines());
  return values;
}

/** How often the videos of the other folds have each tag, for every video `[N, T]`. */
function foldFrequencies(options: FinetuneOptions, { indices }: Chosen, count: number): Float32Array {
  const { settings } = options;
  const rows = new Map(indices.map((index, row) => [index, row]));
  const values = new Float32Array(indices.length * count);
  for (let fold = 0; fold < settings.finetune.folds!; fold++) {
    const own = { ...settings, finetune: { ...settings.finetune, fold } };
    const { train, measured } = divideTagged({ ...options, settings: own });
    const frequencies = frequenciesOf(train, count);
    for (const index of measured.indices) values.set(frequencies, rows.get(index)! * count);
  }
  return values;
}

async function judgeHeldOut(
  options: FinetuneOptions,
  tags: readonly string[],
  predicted: ReadonlyMap<string, Float32Array>,
  thresholds: TagThresholds,
): Promise<TagScores | undefined> {
  const { training, heldOut } = options.data;
  const videos = { dataset: heldOut, indices: taggedIn(heldOut) };
  if (videos.indices.length === 0) return undefined;
  const probabilities = new Float32Array(videos.indices.length * tags.length);
  videos.indices.forEach((index, row) => probabilities.set(predicted.get(heldOut.id(index))!, row * tags.length));
  const learned = frequenciesOf({ dataset: training, indices: taggedIn(training) }, tags.length);
  const frequencies = repeated(learned, videos.indices.length);
  return (await judgeTags(options, { videos, tags, probabilities, frequencies, thresholds })).scores;
}
