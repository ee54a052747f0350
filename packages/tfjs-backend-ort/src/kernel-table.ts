import * as tf from '@tensorflow/tfjs';
import { WbdcError } from '@wbdc/io/errors';
import { NATIVE_KERNELS } from './native-kernels.js';

const BEGIN = '<!-- kernels: npm run kernel-table -->';
const END = '<!-- /kernels -->';

/** A README whose section between the marks lists every tfjs kernel, and what runs it. */
export function withKernelTable(readme: string): string {
  const [before, after] = [readme.split(BEGIN)[0], readme.split(END)[1]];
  if (after === undefined) throw new WbdcError(`expected the marks '${BEGIN}' and '${END}' in the README`);
  return `${before}${BEGIN}\n\n${kernelTable()}\n\n${END}${after}`;
}

function kernelTable(): string {
  const inherited = tf.getKernelsForBackend('cpu').map(({ kernelName }) => kernelName);
  const names = [...new Set([...inherited, ...Object.keys(NATIVE_KERNELS)])].sort();
  const width = Math.max(...names.map((name) => name.length)) + 2;
  const row = (name: string, engine: string): string => `| ${name.padEnd(width)} | ${engine.padEnd(9)} |`;
  const rows = names.map((name) => row(`\`${name}\``, name in NATIVE_KERNELS ? 'native' : 'inherited'));
  return [row('Kernel', 'Runs'), `| ${'-'.repeat(width)} | ${'-'.repeat(9)} |`, ...rows].join('\n');
}
