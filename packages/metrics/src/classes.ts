/** Mean of the squared differences. */
export function meanSquaredError(predicted: ArrayLike<number>, expected: ArrayLike<number>): number {
  assertSameLength(predicted, expected);
  let sum = 0;
  for (let i = 0; i < predicted.length; i++) sum += (predicted[i] - expected[i]) ** 2;
  return sum / predicted.length;
}

/** What is known of one class: predictions, truths and both at once. */
export interface ClassScore {
  readonly label: string;
  readonly precision: number;
  readonly recall: number;
  readonly f1: number;
  /** Samples that have the label. */
  readonly support: number;
}

/** F1 of every label that occurs in truth or prediction, sorted; 0 where it is undefined, as scikit-learn. */
export function classScores(truth: readonly string[], predicted: readonly string[]): ClassScore[] {
  assertSameLength(truth, predicted);
  const [support, asked, hits] = [new Map<string, number>(), new Map<string, number>(), new Map<string, number>()];
  const count = (map: Map<string, number>, label: string): unknown => map.set(label, (map.get(label) ?? 0) + 1);
  truth.forEach((label, i) => {
    count(support, label);
    count(asked, predicted[i]);
    if (label === predicted[i]) count(hits, label);
  });
  const ratio = (part: number, whole: number): number => (whole === 0 ? 0 : part / whole);
  return [...new Set([...truth, ...predicted])].sort().map((label) => {
    const [own, said, right] = [support, asked, hits].map((map) => map.get(label) ?? 0);
    const f1 = ratio(2 * right, own + said);
    return { label, precision: ratio(right, said), recall: ratio(right, own), f1, support: own };
  });
}

/** Of single-label predictions micro-F1 is the accuracy. */
export function microF1(truth: readonly string[], predicted: readonly string[]): number {
  assertSameLength(truth, predicted);
  return truth.filter((label, i) => label === predicted[i]).length / truth.length;
}

/** Mean F1 over the labels that occur in truth or prediction. */
export function macroF1(truth: readonly string[], predicted: readonly string[]): number {
  const scores = classScores(truth, predicted);
  return scores.reduce((sum, { f1 }) => sum + f1, 0) / scores.length;
}

/** The level-1 class of a category: its first two digits. */
export function level1(category: string): string {
  if (!/^\d{4}$/.test(category)) throw new RangeError(`expected a category of 4 digits, got '${category}'`);
  return category.slice(0, 2);
}

/** WBDC 2022's metric and its four parts. */
export interface CategoryScore {
  readonly mean: number;
  readonly level1Micro: number;
  readonly level1Macro: number;
  readonly level2Micro: number;
  readonly level2Macro: number;
}

/** The mean of micro- and macro-F1 on both levels; level 1 follows from level 2. */
export function categoryScore(truth: readonly string[], predicted: readonly string[]): CategoryScore {
  const [truth1, predicted1] = [truth.map(level1), predicted.map(level1)];
  const parts = {
    level1Micro: microF1(truth1, predicted1),
    level1Macro: macroF1(truth1, predicted1),
    level2Micro: microF1(truth, predicted),
    level2Macro: macroF1(truth, predicted),
  };
  return { mean: Object.values(parts).reduce((sum, part) => sum + part, 0) / 4, ...parts };
}

/** How often each true label (rows) was predicted as each label (columns), labels sorted. */
export interface Confusion {
  readonly labels: readonly string[];
  readonly counts: readonly (readonly number[])[];
}

/** scikit-learn's `confusion_matrix`, with its labels. */
export function confusion(truth: readonly string[], predicted: readonly string[]): Confusion {
  assertSameLength(truth, predicted);
  const labels = [...new Set([...truth, ...predicted])].sort();
  const place = new Map(labels.map((label, i) => [label, i]));
  const counts = labels.map(() => labels.map(() => 0));
  truth.forEach((label, i) => counts[place.get(label)!][place.get(predicted[i])!]++);
  return { labels, counts };
}

function assertSameLength(left: ArrayLike<unknown>, right: ArrayLike<unknown>): void {
  if (left.length !== right.length || left.length === 0) {
    throw new RangeError(`expected two lists of the same length from 1, got ${left.length} and ${right.length}`);
  }
}
