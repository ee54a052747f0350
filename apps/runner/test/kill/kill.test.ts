import { existsSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCommandLine } from '../../src/program.js';
import { TestHost } from '../host.js';
import { LASTING, nameIn, READING, WRITING } from './commands.js';
import { startHere } from './here.js';
import { commandsUpTo, killKey, KillWorld } from './kills.js';

/** `npm run kill-test` kills each of them a hundred times. */
const COMMANDS = commandsUpTo();
const SEED = 1;

let world: KillWorld;
beforeAll(async () => {
  world = await KillWorld.make(startHere);
  await world.prepare(COMMANDS);
}, 1_200_000);
afterAll(() => world.remove());

it('knows every command of the program, as one that writes or one that reads', async () => {
  const host = new TestHost('.');
  expect(await runCommandLine(['--help'], host)).toBe(0);
  const names = [
    ...host.out
      .split('\nCommands:\n')[1]
      .split('\n\n')[0]
      .matchAll(/^ {2}([a-z-]+)/gm),
  ].map(([, name]) => name);
  expect(names).toContain('pretrain');
  const known = [...[...WRITING, ...READING].map(nameIn), ...LASTING];
  expect(names.filter((name) => !known.includes(name))).toEqual([]);
  expect(known.filter((name) => !names.includes(name))).toEqual([]);
  const killed = COMMANDS.filter(({ unhurt }) => !unhurt).map(nameIn);
  expect(WRITING.map(nameIn).filter((name) => !killed.includes(name))).toEqual([]);
});

describe.each(COMMANDS.filter(({ unhurt }) => !unhurt))('wbdc $name', (command) => {
  it('killed at a random moment and run again, leaves what it leaves uninterrupted, and nothing else', async () => {
    const { after, differences } = await world.kill(command, killKey(SEED, command, 0));
    expect(differences).toEqual([]);
    expect(after).toHaveLength(1);
  });
});

describe.each([
  ['vocab', 'SIGTERM', /go on +npx wbdc vocab --config my\.yaml --name own --set run\.base=my --resume/],
  ['prepare', 'SIGHUP', /stopped {2}what is decoded is kept: the same command goes on/],
  ['download', 'SIGINT', /stopped; what was fetched is kept: the same command goes on/],
] as const)('wbdc %s asked to end by %s', (name, signal, advice) => {
  it('says how to go on, with exit code 130, and goes on', async () => {
    const { code, said, differences } = await world.signal(commandOf(name), signal);
    expect(said).toMatch(advice);
    expect(code).toBe(130);
    expect(differences).toEqual([]);
  });
});

describe.each([
  ['pretrain', 'closed'],
  ['predict', 'disk full'],
] as const)('wbdc %s whose output is lost (%s)', (name, lost) => {
  it.skipIf(lost === 'disk full' && !existsSync('/dev/full'))('does all of its work', async () => {
    const { code, differences } = await world.lose(commandOf(name), lost);
    expect([code, differences]).toEqual([0, []]);
  });
});

describe.each(READING.filter(({ long }) => !long))('wbdc $args', ({ args }) => {
  it('leaves every file as it is', async () => {
    await world.complete();
    const { code, said, differences } = await world.read(args);
    expect([code, differences], said).toEqual([0, []]);
  });
});

function commandOf(name: string) {
  return COMMANDS.find((command) => command.name === name)!;
}
