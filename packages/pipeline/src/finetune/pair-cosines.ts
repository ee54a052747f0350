import type { Tensor2D } from '@tensorflow/tfjs';
import { batchesOf } from '@wbdc/data';
import { cosinesOfPairs, takeRowsOf, videosOfPairs, type PairSet } from '@wbdc/finetune';
import type { Batch } from '@wbdc/nn';

/** Cosine of every pair; each video is embedded once. @param embed unit vectors of a batch, which are disposed of */
export async function pairCosines(
  pairs: PairSet,
  embed: (batch: Batch) => Tensor2D,
  batchSize: number,
): Promise<Float64Array> {
  return cosinesOfPairs(pairs, await pairVectors(pairs, embed, batchSize));
}

/** Unit vectors of the videos of pairs, by index. */
export async function pairVectors(
  pairs: PairSet,
  embed: (batch: Batch) => Tensor2D,
  batchSize: number,
): Promise<Map<number, Float32Array>> {
  const videos = videosOfPairs(pairs);
  const vectors = new Map<number, Float32Array>();
  for await (const batch of batchesOf(pairs.dataset, videos, batchSize)) {
    for (const row of takeRowsOf(embed(batch))) vectors.set(videos[vectors.size], row);
  }
  return vectors;
}
