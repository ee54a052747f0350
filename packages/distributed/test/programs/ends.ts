import { setTimeout as sleep } from 'node:timers/promises';
import { connect, watchRanks } from '@wbdc/distributed/node';

/** One rank dies or fails while the others wait for it inside MPI. */
const [how, victim] = [process.argv[2], Number(process.argv[3])];
const communicator = await connect();
const watch = await watchRanks(communicator);
process.on('SIGTERM', () => undefined); // as the command line, which ends its step first
await communicator.barrier();
if (communicator.rank === victim) {
  await sleep(300);
  if (how === 'killed') process.kill(process.pid, 'SIGKILL');
  process.stderr.write(`error: rank ${victim}: out of reasons\n`);
  watch.fail();
  communicator.abort(3);
}
communicator.blocking.barrier();
process.stdout.write('went on without it\n');
