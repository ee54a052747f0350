import { fileURLToPath } from 'node:url';

/** The path of a configuration that comes with this package: `demo.yaml`, `wbdc2022/single.yaml`. */
export function shippedConfig(name: string): string {
  return fileURLToPath(new URL(`../../configs/${name}`, import.meta.url));
}
