import { WbdcError } from '@wbdc/io/errors';
import { asEmbeddings, type Member } from './matrix.js';
import { alignRows, checkWeights, layoutOf, type Embeddings } from './members.js';

export interface ProbabilityEnsemble {
  readonly ids: readonly string[];
  /** C. */
  readonly width: number;
  /** `[ids.length, C]`: sum(w_i p_i) / sum(w_i). */
  readonly values: Float64Array;
  /** Most probable class of every row; of equals the first. */
  readonly labels: Int32Array;
}

/** How far a row's sum may be from 1: float16 probabilities of 200 classes stay within. */
const TOLERANCE = 0.01;

/**
 * Weighted mean of the models' class probabilities, as the WBDC 2022 systems were combined (weights 1, 1, 0.7, 1), in
 * the order of the first model's ids.
 *
 * @param models probabilities, after softmax; C classes each
 * @param options `independent`: each value answers a question of its own, as those of tags, and rows need no sum of 1
 * @throws when ids or classes differ, or a row is not a distribution
 */
export function combineProbabilities(
  models: readonly Member[],
  weights?: readonly number[],
  { independent = false }: { readonly independent?: boolean } = {},
): ProbabilityEnsemble {
  const members = models.map(asEmbeddings);
  const { names, widths } = layoutOf(members);
  const width = widths[0];
  const other = widths.findIndex((w) => w !== width);
  if (other >= 0) {
    throw new WbdcError(
      `ensemble: expected the same number of classes of all models, got ${width} of '${names[0]}' and ` +
        `${widths[other]} of '${names[other]}'. Combine models of one category list.`,
    );
  }
  const order = alignRows(members);
  const scales = checkWeights(weights, names);
  const total = scales.reduce((sum, w) => sum + w, 0);
  const { ids } = members[0];
  const values = new Float64Array(ids.length * width);
  members.forEach((member, m) => {
    for (let row = 0; row < ids.length; row++)
      addRow(member, order[m][row], scales[m] / total, values, row, independent);
  });
  return { ids, width, values, labels: argmaxRows(values, width) };
}

function addRow(
  member: Embeddings,
  from: number,
  scale: number,
  out: Float64Array,
  to: number,
  independent: boolean,
): void {
  const { name, ids, width, values } = member;
  let sum = 0;
  for (let c = 0; c < width; c++) {
    const p = values[from * width + c];
    if (!(p >= 0 && p <= 1 + TOLERANCE)) throw badRow(name, ids[from], `${p} for class ${c}`);
    sum += p;
    out[to * width + c] += scale * p;
  }
  if (!independent && Math.abs(sum - 1) > TOLERANCE) throw badRow(name, ids[from], `a sum of ${sum}`);
}

function badRow(name: string, id: string, got: string): Error {
  return new WbdcError(
    `ensemble: model '${name}', id '${id}': expected probabilities, 0 to 1 with sum 1, got ${got}. ` +
      'Pass softmax outputs, not logits.',
  );
}

function argmaxRows(values: Float64Array, width: number): Int32Array {
  return Int32Array.from({ length: values.length / width }, (_, row) => {
    let best = 0;
    for (let c = 1; c < width; c++) if (values[row * width + c] > values[row * width + best]) best = c;
    return best;
  });
}
