import type { Command } from 'commander';
import { cliCommand, type CliCommand } from '../core/command-line.js';
import { stringify } from 'yaml';
import { loadConfig } from '../config/load.js';
import { Output, type Terminal } from '../core/output.js';
import { addOutputOptions, addRunOptions, flagsOf, type StageOptions } from './options.js';

/** `wbdc config`: checks a configuration and prints all of it, defaults included. */
export function addCommands(program: Command, terminal: Terminal): CliCommand {
  const command = program
    .command('config')
    .description('Checks a configuration and prints it as YAML with every default filled in.');
  addOutputOptions(addRunOptions(command)).addHelpText(
    'after',
    '\nExamples:\n  npx wbdc config --config my.yaml --set train.epochs=5\n  npx wbdc config > all-defaults.yaml\n',
  );
  return cliCommand(command, async (options: StageOptions) => {
    const request = { path: options.config, folder: terminal.folder, set: options.set, flags: flagsOf(options) };
    const config = await loadConfig(request);
    const output = new Output(terminal, options);
    if (options.json) output.result(config);
    else output.say(stringify(config).trimEnd());
    return 0;
  });
}
