import { UserError } from './errors.js';

export type DemoData = typeof import('@wbdc/demo-data');

/** The builder of the embedded data set, an optional peer: 200 MB of pictures are for those who ask for them. */
export function loadDemoData(load = (): Promise<DemoData> => import('@wbdc/demo-data')): Promise<DemoData> {
  return loadOptional('demo-data', 'the embedded data set', load, ', or name a folder of your own with data.folder');
}

/** A package of ours that is an optional peer. */
export async function loadOptional<T>(name: string, what: string, load: () => Promise<T>, or = ''): Promise<T> {
  try {
    return await load();
  } catch (cause) {
    const missing = cause instanceof Error && 'code' in cause && cause.code === 'ERR_MODULE_NOT_FOUND';
    if (!missing || !cause.message.includes(`'@wbdc/${name}'`)) throw cause;
    const install = `run npm install @wbdc/${name}`;
    throw new UserError(`${what} is a package of its own, which is not installed here: ${install}${or}`, 1, { cause });
  }
}
