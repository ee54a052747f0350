import { WbdcError } from '@wbdc/io/errors';

/** An optional package, or in words what to install. */
export async function importPeer(name: string, version: string, load: () => Promise<unknown>): Promise<object> {
  try {
    const loaded = await load();
    if (typeof loaded === 'object' && loaded !== null) return loaded;
    throw new TypeError(`a ${typeof loaded}`);
  } catch (cause) {
    throw new WbdcError(
      {
        where: name,
        expected: 'this optional package',
        got: cause instanceof Error ? cause.message.split('\n')[0] : String(cause),
        advice: `npm install ${name}@${version}`,
        code: 'recognizer-missing',
      },
      { cause },
    );
  }
}
