import { UserError } from './errors.js';

export type DemoData = typeof import('@wbdc/demo-data');

/** The builder of the embedded data set, an optional peer: 200 MB of pictures are for those who ask for them. */
export async function loadDemoData(load = (): Promise<DemoData> => import('@wbdc/demo-data')): Promise<DemoData> {
  try {
    return await load();
  } catch (cause) {
    if (!isMissing(cause)) throw cause;
    throw new UserError(
      'the embedded data set is a package of its own, which is not installed here: run npm install @wbdc/demo-data, ' +
        'or name a folder of your own with data.folder',
      1,
      { cause },
    );
  }
}

/** Whether it is the package itself that is missing, not something that it needs. */
function isMissing(error: unknown): boolean {
  const missing = error instanceof Error && 'code' in error && error.code === 'ERR_MODULE_NOT_FOUND';
  return missing && error.message.includes("'@wbdc/demo-data'");
}
