/** A value beside what is reached without the model. */
export interface Measured {
  readonly value: number;
  /** Of the strongest one. */
  readonly baseline?: number;
  /** All of them by name, where there are several. */
  readonly baselines?: Readonly<Record<string, number>>;
}

const BASELINE = ' baseline';
const NAMED = `${BASELINE}: `;

/**
 * A value beside named baselines, of which the strongest counts; those that are no numbers, such as the correlation of
 * a constant, say nothing.
 */
export function besideBaselines(value: number, baselines: Readonly<Record<string, number>>): Measured {
  const known = Object.entries(baselines).filter(([, number]) => !Number.isNaN(number));
  if (known.length === 0) return { value };
  return { value, baseline: Math.max(...known.map(([, number]) => number)), baselines: Object.fromEntries(known) };
}

/** What the strongest baseline is called, where it has a name. */
export function strongestBaseline({ baseline, baselines = {} }: Measured): string | undefined {
  return Object.entries(baselines).find(([, value]) => value === baseline)?.[0];
}

/**
 * Whether a model reaches less than its baseline does, or nothing that is a number; of errors and losses, by their
 * names, whether it reaches more.
 *
 * @param name of the measurement, such as `validation/mse`
 */
export function isBelowBaseline(name: string, { value, baseline }: Measured): boolean {
  if (baseline === undefined) return false;
  return /(mse|loss)$/.test(name) ? !(value <= baseline) : !(value >= baseline);
}

/**
 * Values and baselines as flat numbers, as telemetry keeps them: `mlm/accuracy`, `mlm/accuracy baseline`, and
 * `spearman baseline: TF-IDF, titles` of those with names.
 */
export function flattenMeasured(values: Readonly<Record<string, Measured>>): Record<string, number> {
  return Object.fromEntries(
    Object.entries(values).flatMap(([name, { value, baseline, baselines = {} }]): [string, number][] => [
      [name, value],
      ...(baseline === undefined ? [] : [[name + BASELINE, baseline] as [string, number]]),
      ...Object.entries(baselines).map(([which, own]): [string, number] => [name + NAMED + which, own]),
    ]),
  );
}

/** The opposite of {@link flattenMeasured}. */
export function gatherMeasured(metrics: Readonly<Record<string, number>>): Record<string, Measured> {
  const keys = Object.keys(metrics);
  const names = keys.filter((name) => !name.endsWith(BASELINE) && !name.includes(NAMED));
  return Object.fromEntries(
    names.map((name): [string, Measured] => {
      const baseline = metrics[name + BASELINE];
      const named = keys.filter((key) => key.startsWith(name + NAMED));
      const baselines = named.map((key) => [key.slice((name + NAMED).length), metrics[key]] as const);
      return [
        name,
        {
          value: metrics[name],
          ...(baseline !== undefined && { baseline }),
          ...(baselines.length > 0 && { baselines: Object.fromEntries(baselines) }),
        },
      ];
    }),
  );
}
