import { EventEmitter } from 'node:events';
import type { Host } from '@wbdc/runner/cli';

/** A process in which a command line runs: what it wrote, and a clock that stands still. */
export class TestHost implements Host {
  out = '';
  err = '';
  readonly signals = new EventEmitter();
  readonly env = {};
  readonly stdout = { write: (text: string) => (this.out += text) };
  readonly stderr = { write: (text: string) => (this.err += text) };
  readonly exit = (): void => undefined;
  readonly now = (): number => 0;
  constructor(readonly folder: string) {}
}
