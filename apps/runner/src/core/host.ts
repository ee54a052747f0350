import type { SignalSource } from '@wbdc/io/interrupt';
import type { Terminal } from './output.js';

/** The process around a command. */
export interface Host extends Terminal {
  readonly signals: SignalSource;
  /** Ends the process at once. */
  readonly exit: (code: number) => void;
}
