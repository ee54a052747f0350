import type { Embedded, VideoTexts } from '@wbdc/pipeline';
import type { IndexRow } from '@wbdc/search';

/** What is known of a video beside what a model says of it. */
export interface VideoDetails extends VideoTexts, Pick<IndexRow, 'path' | 'categories' | 'tags' | 'time'> {}

export interface IndexRowsOptions {
  /** What the model's vectors are called in the index. */
  readonly name: string;
  readonly detailsOf: (id: string) => VideoDetails;
  /** A small picture of a video. */
  readonly thumbnail?: (id: string) => Uint8Array | undefined;
}

/** Rows for an index out of the embeddings of videos, one after another. */
export async function* indexRows(
  embedded: AsyncIterable<Embedded>,
  { name, detailsOf, thumbnail }: IndexRowsOptions,
): AsyncGenerator<IndexRow> {
  for await (const { id, embedding, model } of embedded) {
    const picture = thumbnail?.(id);
    yield {
      ...rowOfDetails(id, detailsOf(id)),
      ...(picture && { thumbnail: picture }),
      vectors: [{ model: name, hash: model, values: embedding }],
    };
  }
}

/** Of a video without vectors. */
function rowOfDetails(id: string, { ocr, ...details }: VideoDetails): IndexRow {
  const lines = typeof ocr === 'string' || ocr === undefined ? ocr : ocr.map(({ text }) => text).join('\n');
  return { id, ...details, ...(lines !== undefined && { ocr: lines }) };
}
