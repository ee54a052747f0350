import type { Measured } from '@wbdc/metrics';

/** What was measured on the held-out data, and whatever else came out of it. */
export interface Measurement {
  readonly measured: Readonly<Record<string, Measured>>;
}
