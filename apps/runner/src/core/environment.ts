import { readFileSync } from 'node:fs';
import { arch, availableParallelism, cpus, platform, totalmem } from 'node:os';
import { formatBytes } from '@wbdc/report/format';

/** The version of this package. */
export function packageVersion(): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
  return typeof manifest === 'object' && manifest !== null && 'version' in manifest ? String(manifest.version) : '?';
}

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
