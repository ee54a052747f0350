import type { Tensor2D } from '@tensorflow/tfjs';
import { batchesOf } from '@wbdc/data';
import { cosinesOfPairs, markVideos, takeRowsOf, videosOfPairs, type PairSet, type VideoMarks } from '@wbdc/finetune';
import type { Batch } from '@wbdc/nn';

/** Cosine of every pair; each video is embedded once. @param embed unit vectors of a batch, which are disposed of */
export async function pairCosines(
  pairs: PairSet,
  embed: (batch: Batch) => Tensor2D,
  batchSize: number,
): Promise<Float64Array> {
  return cosinesOfPairs(pairs, (await pairVectors(pairs, embed, batchSize)).vectors);
}

/** Unit vectors of the videos of pairs, and what tells equal ones, by index. */
export async function pairVectors(
  pairs: PairSet,
  embed: (batch: Batch) => Tensor2D,
  batchSize: number,
): Promise<{ readonly vectors: Map<number, Float32Array>; readonly marks: Map<number, VideoMarks> }> {
  const videos = videosOfPairs(pairs);
  const vectors = new Map<number, Float32Array>();
  const marks = new Map<number, VideoMarks>();
  for await (const batch of batchesOf(pairs.dataset, videos, batchSize)) {
    for (const own of markVideos(batch)) marks.set(videos[marks.size], own);
    for (const row of takeRowsOf(embed(batch))) vectors.set(videos[vectors.size], row);
  }
  return { vectors, marks };
}
