/**
 * The tokenizer of transformers.js: `node transformers-js.js <tokenizer.json> <texts as a JSON file>`. It is heavy, and
 * part of nothing here: `WBDC_TRANSFORMERS_JS` names a folder that it is installed in.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { NotHere } from '../peer.js';
import { serve } from '../serve.js';

/** As much of it as is used here. */
interface TransformersJs {
  readonly env: { version: string; allowRemoteModels: boolean; localModelPath: string };
  readonly AutoTokenizer: {
    from_pretrained(name: string): Promise<{ encode(text: string, options: object): number[] }>;
  };
}

const [path, file] = process.argv.slice(2);

async function load(): Promise<TransformersJs> {
  const folder = process.env['WBDC_TRANSFORMERS_JS'];
  const advice =
    'npm install --ignore-scripts --prefix <folder> @huggingface/transformers, and WBDC_TRANSFORMERS_JS=<folder>';
  if (folder === undefined) throw new NotHere(`transformers.js is not named: ${advice}`);
  try {
    const found = createRequire(join(folder, 'package.json')).resolve('@huggingface/transformers');
    return (await import(pathToFileURL(found).href)) as TransformersJs;
  } catch (error) {
    throw new NotHere(`no transformers.js in ${folder} (${(error as Error).message.split('\n')[0]}): ${advice}`);
  }
}

await serve(async () => {
  const { env, AutoTokenizer } = await load();
  env.allowRemoteModels = false;
  env.localModelPath = dirname(dirname(path));
  const tokenizer = await AutoTokenizer.from_pretrained(dirname(path).split(/[/\\]/).at(-1)!);
  const texts = JSON.parse(readFileSync(file, 'utf8')) as string[];
  return {
    about: `transformers.js ${env.version}, 1 thread`,
    step: async () =>
      texts.reduce((total, text) => total + tokenizer.encode(text, { add_special_tokens: false }).length, 0),
  };
});
