import { openDataset, type Dataset, type Video } from '@wbdc/data';
import { floats } from '@wbdc/nn';
import { Tokenizer, trainVocabulary } from '@wbdc/tokenizer';

export const WIDTH = 5;
export const CATEGORIES = ['0100', '0101', '0203'];
/** The title tells the category: a few steps of learning are no proof, but the right answer exists. */
const WORDS = ['cat', 'dog', 'bus'];

export const tokenizer = Tokenizer.fromVocab(trainVocabulary(WORDS, { size: 40, minFrequency: 1 }));

/** So many videos with their categories, ids from `10...` on. */
export function videosFrom(first: number, count: number): Video[] {
  return Array.from({ length: count }, (_, i) => ({
    id: `1${String(first + i).padStart(18, '0')}`,
    title: WORDS[i % 3],
    asr: '',
    ocr: [],
    categoryId: CATEGORIES[i % 3],
  }));
}

export function withoutLabels(videos: readonly Video[]): Video[] {
  return videos.map(({ categoryId: _hidden, ...video }) => video);
}

/** Videos with a frame of features each that tells the category too. */
export function datasetOf(videos: readonly Video[], tags?: readonly string[]): Promise<Dataset> {
  const index = new Map(videos.map(({ id }, i) => [id, i]));
  return openDataset({
    videos,
    features: {
      width: WIDTH,
      size: videos.length,
      has: (id) => index.has(id),
      read: async (id) => floats([1, WIDTH], new Float32Array(WIDTH).fill(index.get(id)! % 3)),
      close: async () => undefined,
    },
    tokenizer,
    layout: { fields: ['title'], budget: 8, separatorFirst: false },
    ...(tags && { tags }),
  });
}
