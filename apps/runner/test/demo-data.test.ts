import { expect, it } from 'vitest';
import { loadDemoData, type DemoData } from '../src/core/demo-data.js';
import { UserError } from '../src/core/errors.js';

const failing = (error: Error) => loadDemoData((): Promise<DemoData> => Promise.reject(error));

it('the package of the embedded data set is loaded where it is installed', async () => {
  expect((await loadDemoData()).DEMO_SPLITS).toEqual(['unlabeled', 'labeled', 'test_a']);
});

it('where it is not, what to install is said; another failure stays what it is', async () => {
  const missing = Object.assign(new Error("Cannot find package '@wbdc/demo-data' imported from a.js"), {
    code: 'ERR_MODULE_NOT_FOUND',
  });
  await expect(failing(missing)).rejects.toThrow(/npm install @wbdc\/demo-data/);
  await expect(failing(missing)).rejects.toBeInstanceOf(UserError);
  const broken = Object.assign(new Error("Cannot find package 'sharp'"), { code: 'ERR_MODULE_NOT_FOUND' });
  await expect(failing(broken)).rejects.toBe(broken);
});
