/**
 * Kills every command that writes, or those named, many times at random moments, and compares what it leaves in the end
 * with an uninterrupted run: `npm run kill-test -- [command...] [--kills 100] [--seed 1]`.
 */
import { parseArgs } from 'node:util';
import { foldIn, randomInt } from '@wbdc/nn';
import { nameIn, READING, WRITING, type WritingCommand } from './commands.js';
import { commandsUpTo, killKey, KillWorld } from './kills.js';

const USAGE = 'npm run kill-test -- [command...] [--kills 100] [--seed 1]';
/** Kills of one run, the last of which it survives: killed again while it goes on. */
const MOST_IN_A_ROW = 3;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { kills: { type: 'string', default: '100' }, seed: { type: 'string', default: '1' } },
});
const [kills, seed] = [Number(values.kills), Number(values.seed)];
const unknown = positionals.filter((name) => !WRITING.some((command) => isNamed(command, name)));
if (!(kills >= 1) || !Number.isInteger(seed) || unknown.length > 0) {
  console.error(
    `${USAGE}\ncommands: ${WRITING.map(({ name }) => name).join(', ')}; got ${process.argv.slice(2).join(' ')}`,
  );
  process.exit(2);
}
const chosen = WRITING.filter(
  (command) => positionals.length === 0 || positionals.some((name) => isNamed(command, name)),
);

const world = await KillWorld.make();
let failures = 0;
try {
  const needed = positionals.length === 0 ? WRITING : upTo(chosen);
  console.log(`${needed.length} commands uninterrupted, in ${world.folder}`);
  await world.prepare(needed);
  for (const command of chosen) failures += await killMany(command);
  if (positionals.length === 0) for (const { args } of READING) failures += await readOnly(args);
} finally {
  await world.remove();
}
process.exitCode = failures > 0 ? 1 : 0;

/** Gives how many runs ended with other results. */
async function killMany(command: WritingCommand): Promise<number> {
  let [done, late, wrong] = [0, 0, 0];
  for (let round = 0; done + late < kills; round++) {
    const key = killKey(seed, command, round);
    const times = Math.min(kills - done - late, 1 + randomInt(foldIn(key, 'times'), 0, MOST_IN_A_ROW));
    const { after, differences } = await world.kill(command, key, times);
    done += after.length;
    late += times - after.length;
    wrong += Number(differences.length > 0);
    const moments = after.map((milliseconds) => `${Math.round(milliseconds)} ms`).join(', ');
    console.log(
      `${command.name}: ${done}/${kills} kills (after ${moments}): ${differences.join('\n  ') || 'as uninterrupted'}`,
    );
  }
  console.log(`${command.name}: ${done} kills, ${late} too late, ${wrong} runs with other results\n`);
  return wrong;
}

/** Gives 1 where a command that only reads has changed something, or failed. */
async function readOnly(args: string): Promise<number> {
  await world.complete();
  const { code, said, differences } = await world.read(args);
  const right = code === 0 && differences.length === 0;
  console.log(`${args}: ${right ? 'leaves all as it is' : [`exit code ${code}`, ...differences, said].join('\n  ')}`);
  return Number(!right);
}

/** By its name in the list, or as the command itself. */
function isNamed(command: WritingCommand, asked: string): boolean {
  return command.name === asked || nameIn(command) === asked;
}

/** What the chosen ones read is made by those before them. */
function upTo(commands: readonly WritingCommand[]): readonly WritingCommand[] {
  const before = commandsUpTo(commands.at(-1)!.name);
  return WRITING.filter((command) => before.includes(command) || commands.includes(command));
}
