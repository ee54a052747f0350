import type { Embedded, VideoTexts } from '@wbdc/pipeline';
import type { AddOptions, AddResult, IndexRow, VideoIndex } from '@wbdc/search';

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

export interface AddEmbeddedOptions extends IndexRowsOptions, AddOptions {
  /** What the embeddings are of, for the vectors' hash: `TrainedModel.hash`. */
  readonly hash: string;
}

/**
 * Adds embedded videos to an index, or renews those that are there; vectors of such a name are made on the first one.
 *
 * @throws SearchError `model-other` where the index has vectors of another model under that name
 */
export function addEmbedded(
  index: VideoIndex,
  embedded: AsyncIterable<Embedded>,
  options: AddEmbeddedOptions,
): Promise<AddResult> {
  const { name, hash } = options;
  const rows = async function* (): AsyncGenerator<IndexRow> {
    let known = false;
    for await (const row of indexRows(embedded, options)) {
      const [{ values }] = row.vectors!;
      if (!known) await index.addModel({ name, hash, width: values.length });
      known = true;
      yield row;
    }
  };
  return index.add(rows(), options);
}

/** Of a video without vectors. */
function rowOfDetails(id: string, { ocr, ...details }: VideoDetails): IndexRow {
  const lines = typeof ocr === 'string' || ocr === undefined ? ocr : ocr.map(({ text }) => text).join('\n');
  return { id, ...details, ...(lines !== undefined && { ocr: lines }) };
}
