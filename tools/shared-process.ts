import * as tf from '@tensorflow/tfjs';
import { afterAll } from 'vitest';

/** Before each file that shares a process with others: it starts with the engine and the variables of a new process. */
await tf.setBackend('cpu');
const variables = { ...process.env };

afterAll(() => {
  for (const name of Object.keys(process.env)) if (!(name in variables)) Reflect.deleteProperty(process.env, name);
  Object.assign(process.env, variables);
});
