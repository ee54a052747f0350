import { arch, availableParallelism, cpus, platform, totalmem } from 'node:os';
import { formatBytes } from '@wbdc/report/format';
import { packageVersion } from './version.js';

/** What a result was computed with and on. */
export function describeEnvironment(engine?: string): Record<string, string> {
  return {
    ...(engine === undefined ? {} : { engine }),
    wbdc: packageVersion(),
    node: process.version,
    platform: `${platform()} ${arch()}`,
    cpu: `${availableParallelism()} x ${cpus()[0]?.model ?? 'unknown'}`,
    memory: formatBytes(totalmem()),
  };
}
