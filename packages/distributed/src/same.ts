import { WbdcError } from '@wbdc/io/errors';
import type { Communicator } from './communicator.js';
import { gatherValues } from './texts.js';

/**
 * Checks that all processes of a job say the same: versions, settings, data. What rank 0 says counts.
 *
 * @param facts by name; short texts, a checksum in place of what is long
 * @param host name of this machine, for the message
 * @throws WbdcError on every process, with each rank that differs, its machine and both values
 */
export async function assertSame(
  communicator: Communicator,
  facts: Readonly<Record<string, string>>,
  host: string,
): Promise<void> {
  if (communicator.size === 1) return;
  const all = await gatherValues(communicator, { facts, host });
  const expected = all[0].facts;
  const differing = all.flatMap(({ facts: own, host: where }, rank) => {
    const names = [...new Set([...Object.keys(expected), ...Object.keys(own)])];
    const differ = names.filter((name) => own[name] !== expected[name]);
    return differ.map((name) => ({ name, rank, line: `rank ${rank} on ${where} has ${name} ${short(own[name])}` }));
  });
  if (differing.length === 0) return;
  const names = [...new Set(differing.map(({ name }) => name))];
  const lines = differing.slice(0, SHOWN).map(({ line }) => line);
  const more = differing.length > SHOWN ? `; ${differing.length - SHOWN} more` : '';
  const told = names.map((name) => `${name} ${short(expected[name])}`).join(', ');
  throw new WbdcError({
    expected: `the same ${names.join(', ')} on all ${communicator.size} ranks`,
    got: `${lines.join('; ')}${more}; rank 0 on ${all[0].host} has ${told}`,
    advice: 'start all of them from the same installation, configuration and data',
    code: 'ranks-differ',
  });
}

const SHOWN = 4;

function short(text: string | undefined): string {
  if (text === undefined) return 'nothing';
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}
