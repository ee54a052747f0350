/** Our tokenizer: `node wordpiece.js <tokenizer.json> <texts as a JSON file>`. */
import { readFileSync } from 'node:fs';
import { loadTokenizer } from '@wbdc/tokenizer/node';
import { serve } from '../serve.js';

const [path, file] = process.argv.slice(2);

await serve(async () => {
  const tokenizer = await loadTokenizer(path);
  const texts = JSON.parse(readFileSync(file, 'utf8')) as string[];
  return {
    about: '@wbdc/tokenizer, 1 thread',
    step: async () => texts.reduce((total, text) => total + tokenizer.encode(text).length, 0),
  };
});
