import type { Category, Classified, Embedded, Probable, Tagged, TaggedWith } from './results.js';

/** What is written of a classified video, by the command line and the server alike. */
export interface ClassifiedRow extends ProbableRow {
  /** Hash of the model's weights. */
  readonly model: string;
  readonly level1: ProbableRow;
  readonly top: readonly ProbableRow[];
}

export interface ProbableRow {
  readonly category: string;
  readonly name?: string | undefined;
  readonly probability: number;
}

export interface EmbeddedRow {
  /** Hash of the model's weights. */
  readonly model: string;
  readonly embedding: readonly number[];
}

export interface TaggedRow {
  readonly tags: readonly TaggedWith[];
}

/** The best category with its level 1, and the first few. @param model the hash of its weights */
export function classifiedRow(
  { categories }: Pick<Classified, 'categories'>,
  model: string,
  top?: number,
): ClassifiedRow {
  const [best] = categories as readonly [Category];
  const first = categories.slice(0, top).map(probableRow);
  return { ...probableRow(best), level1: probableRow(best.level1), top: first, model };
}

/** An embedding with six digits a value. */
export function embeddedRow({ embedding, model }: Pick<Embedded, 'embedding' | 'model'>): EmbeddedRow {
  return { model, embedding: Array.from(embedding, rounded) };
}

/** The first few tags. */
export function taggedRow({ tags }: Pick<Tagged, 'tags'>, top?: number): TaggedRow {
  return { tags: tags.slice(0, top).map((one) => ({ ...one, probability: rounded(one.probability) })) };
}

function probableRow({ category, name, probability }: Probable): ProbableRow {
  return { category, ...(name !== undefined && { name }), probability: rounded(probability) };
}

/** Six digits are more than there is to know. */
function rounded(value: number): number {
  return Number(value.toPrecision(6));
}
