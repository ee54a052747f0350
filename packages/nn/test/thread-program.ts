import { open } from 'node:fs/promises';
import { answerRequests } from '../src/threads.js';

interface Request {
  readonly do: 'add' | 'fail' | 'open' | 'wait' | 'die';
  readonly value: number;
}

answerRequests<{ base: number }, Request, number>(({ base }) => async (request) => {
  if (request.do === 'fail') throw new RangeError(`cannot add ${request.value}`);
  if (request.do === 'open') await open('/nowhere');
  if (request.do === 'wait') await new Promise(() => undefined);
  if (request.do === 'die') process.exit(0);
  return { reply: base + request.value, transfer: [] };
});
