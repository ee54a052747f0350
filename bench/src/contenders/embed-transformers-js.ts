/** The same model as a graph in a session of transformers.js: `node embed-transformers-js.js <recipe>`. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { flatten, randomKey, type Ints } from '@wbdc/nn';
import { uniModelOnnx } from '@wbdc/uni-model/onnx';
import { configOf, makeViews, modelOf, type Recipe } from '../recipe.js';
import { serve, type Service } from '../serve.js';
import { loadTransformersJs, onThreads, writeModel } from '../transformers-js.js';

const recipe = JSON.parse(process.argv[2]) as Recipe;

async function makeGraph(): Promise<{ graph: Uint8Array; parameters: number }> {
  await tf.setBackend('cpu');
  const params = modelOf(recipe).encoder.init(randomKey(1));
  const leaves = flatten(params).map(({ leaf }) => leaf);
  const made = {
    graph: uniModelOnnx(params, configOf(recipe)),
    parameters: leaves.reduce((total, { size }) => total + size, 0),
  };
  tf.dispose(leaves);
  return made;
}

async function open(root: string) {
  const library = await loadTransformersJs(root);
  const { graph, parameters } = await makeGraph();
  const name = await writeModel(root, graph);
  return { ...library, parameters, model: await library.AutoModel.from_pretrained(name, onThreads(recipe.threads)) };
}

await serve(async (): Promise<Service> => {
  const root = await mkdtemp(join(tmpdir(), 'wbdc-bench-transformers-js-'));
  const { env, Tensor, model, parameters } = await open(root).finally(() => rm(root, { recursive: true }));
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
