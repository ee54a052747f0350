/** The tokenizer of transformers.js: `node tokenize-transformers-js.js <tokenizer.json> <texts as a JSON file>`. */
import { readFileSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { serve } from '../serve.js';
import { loadTransformersJs } from '../transformers-js.js';

const [path, file] = process.argv.slice(2);
const folder = dirname(path);

await serve(async () => {
  const { env, AutoTokenizer } = await loadTransformersJs(dirname(folder));
  const tokenizer = await AutoTokenizer.from_pretrained(basename(folder));
  const texts = JSON.parse(readFileSync(file, 'utf8')) as string[];
  return {
    about: `transformers.js ${env.version}, 1 thread`,
    step: async () =>
      texts.reduce((total, text) => total + tokenizer.encode(text, { add_special_tokens: false }).length, 0),
  };
});
