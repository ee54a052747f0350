import { open } from 'node:fs/promises';
import { setTimeout } from 'node:timers/promises';
import { workerData } from 'node:worker_threads';
import { answerRequests } from '../src/threads.js';

interface Request {
  readonly do: 'add' | 'fail' | 'open' | 'wait' | 'die' | 'sleep' | 'most';
  readonly value: number;
}

let [running, most] = [0, 0];

async function answer(base: number, request: Request): Promise<number> {
  if (request.do === 'fail') throw new RangeError(`cannot add ${request.value}`);
  if (request.do === 'open') await open('/nowhere');
  if (request.do === 'wait') await new Promise(() => undefined);
  if (request.do === 'die') process.exit(0);
  if (request.do === 'sleep') await setTimeout(request.value);
  return request.do === 'most' ? most : base + request.value;
}

answerRequests<{ base: number }, Request, number>(
  ({ base }) =>
    async (request) => {
      most = Math.max(most, ++running);
      const reply = await answer(base, request).finally(() => running--);
      return { reply, transfer: [] };
    },
  workerData as { atOnce?: number },
);
