import { wbdcLayout, type CategoryNames } from '@wbdc/data';
import { parseJson, readIfThere } from '@wbdc/io';
import { WbdcError } from '@wbdc/io/errors';
import { z } from 'zod';

const level = z.looseObject({ key: z.string(), zh: z.string(), en: z.string() });
const schema = z.record(z.string().regex(/^\d{4}$/), z.looseObject({ group: level, subgroup: level }));

/** The categories that an earlier run has numbered; none where there is no such run. */
export async function readKnownCategories(root: string): Promise<CategoryNames> {
  const path = wbdcLayout(root).categories;
  const text = await readIfThere(path);
  if (text === undefined) return {};
  try {
    return schema.parse(parseJson(text, path)) as CategoryNames;
  } catch (cause) {
    const expected = 'the numbers of categories, as an earlier preparation wrote them';
    const advice =
      'put back a copy of it, or remove it: categories are then numbered anew, and models are trained again';
    throw new WbdcError({ where: path, expected, got: 'a damaged file', advice }, { cause });
  }
}
