/** The same model as a graph in a session of transformers.js: `node embed-transformers-js.js <recipe>`. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { flatten, randomKey, type Ints } from '@wbdc/nn';
import { uniModelOnnx } from '@wbdc/uni-model/onnx';
import { configOf, makeViews, modelOf, type Recipe } from '../recipe.js';
import { serve, type Service } from '../serve.js';
import { loadTransformersJs, onThreads } from '../transformers-js.js';

const recipe = JSON.parse(process.argv[2]) as Recipe;
const NAME = 'model';

/** The folder as the hub has one; what is called a BERT is taken as it is, whatever its inputs are. */
async function makeFolder(root: string): Promise<number> {
  await tf.setBackend('cpu');
  const { encoder } = modelOf(recipe);
  const params = encoder.init(randomKey(1));
  const onnx = join(root, NAME, 'onnx');
  await mkdir(onnx, { recursive: true });
  await writeFile(join(onnx, 'model.onnx'), uniModelOnnx(params, configOf(recipe)));
  await writeFile(join(root, NAME, 'config.json'), JSON.stringify({ model_type: 'bert' }));
  const leaves = flatten(params).map(({ leaf }) => leaf);
  const parameters = leaves.reduce((total, { size }) => total + size, 0);
  tf.dispose(leaves);
  return parameters;
}

await serve(async (): Promise<Service> => {
  const root = await mkdtemp(join(tmpdir(), 'wbdc-bench-transformers-js-'));
  const { env, AutoModel, Tensor } = await loadTransformersJs(root);
  const parameters = await makeFolder(root);
  const model = await AutoModel.from_pretrained(NAME, onThreads(recipe.threads));
  await rm(root, { recursive: true });
  const views = makeViews(recipe);
  const table = ({ data, shape }: Ints): object => new Tensor('int32', data, shape);
  return {
    about: `transformers.js ${env.version}, a session of the model's graph, fp32, ${recipe.threads} threads`,
    parameters,
    step: async (index) => {
      const { tokens, segments, textMask, frames, frameMask } = views[index].batch;
      const ids = { tokens: table(tokens), segments: table(segments), textMask: table(textMask) };
      const features = { frames: new Tensor('float32', frames.data, frames.shape), frameMask: table(frameMask) };
      await model({ ...ids, ...features });
      return undefined;
    },
  };
});
