/** A value beside what a trivial predictor reaches. */
export interface Measured {
  readonly value: number;
  readonly baseline?: number;
}

const BASELINE = ' baseline';

/** Values and baselines as flat numbers, as telemetry keeps them: `mlm/accuracy` and `mlm/accuracy baseline`. */
export function flattenMeasured(values: Readonly<Record<string, Measured>>): Record<string, number> {
  return Object.fromEntries(
    Object.entries(values).flatMap(([name, { value, baseline }]) =>
      baseline === undefined ? [[name, value]] : [[name, value] as const, [name + BASELINE, baseline] as const],
    ),
  );
}

/** The opposite of {@link flattenMeasured}. */
export function gatherMeasured(metrics: Readonly<Record<string, number>>): Record<string, Measured> {
  const names = Object.keys(metrics).filter((name) => !name.endsWith(BASELINE));
  return Object.fromEntries(
    names.map((name) => {
      const baseline = metrics[name + BASELINE];
      return [name, { value: metrics[name], ...(baseline === undefined ? {} : { baseline }) }];
    }),
  );
}
