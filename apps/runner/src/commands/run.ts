import { Argument, type Command } from 'commander';
import { cliCommand, type CliCommand } from '../core/command-line.js';
import { interruptible } from '@wbdc/io/interrupt';
import { assertAlone } from '../core/ranks.js';
import { Output } from '../core/output.js';
import type { Host } from '../core/host.js';
import { STAGES, type Stage, type StageName } from '../run/stage.js';
import { addDataOptions, addEngineOptions, addOutputOptions, addRunOptions, type StageOptions } from './options.js';
import { configOf, runStage, stagesFor } from './run-stage.js';

/** `wbdc run`: a stage and all that it needs. */
export function addCommands(program: Command, host: Host): CliCommand {
  const command = program
    .command('run')
    .description(
      'Runs the stages that the one you name needs, in their order, then that one. What is done already is left ' +
        'as it is, what was interrupted goes on: the same command again goes on where it stopped. Where the data or ' +
        'settings have changed since, it says what; --overwrite then makes again what depends on that, and no more.',
    )
    .addArgument(new Argument('<stage>', 'the stage').choices(STAGES));
  addDataOptions(addEngineOptions(addRunOptions(command))).option(
    '--overwrite',
    'make again what was made from other data or with other settings; what is there is renamed to <stage>.old-<n>',
  );
  addOutputOptions(command).addHelpText(
    'after',
    '\nExamples:\n  npx wbdc run pretrain --config apps/runner/configs/demo.yaml\n' +
      '  npx wbdc run finetune --config my-data/wbdc.yaml --overwrite    after labels were corrected\n',
  );
  return cliCommand(command, (last: StageName, options: StageOptions) =>
    interruptible(host, (signal) => runUpTo(last, options, new Output(host, options), signal)),
  );
}

async function runUpTo(last: StageName, options: StageOptions, output: Output, signal: AbortSignal): Promise<number> {
  assertAlone('run', output.terminal.env);
  const config = await configOf(options, output);
  for (const stage of stagesFor([last], config)) {
    output.say(`\n== ${stage.name}`);
    const code = await runOne(stage, options, stage.name === last ? output : quietOnStdout(output), signal, last);
    if (code !== 0) return code;
  }
  return 0;
}

async function runOne(
  stage: Stage,
  options: StageOptions,
  output: Output,
  signal: AbortSignal,
  goal: StageName,
): Promise<number> {
  const code = await runStage(stage, options, output, signal, { goal });
  // Nothing of this stage is needed any more.
  if (stage.needsEngine) (await import('@tensorflow/tfjs')).disposeVariables();
  return code;
}

/** With `--json` only the last stage's object goes to stdout. */
function quietOnStdout({ terminal, options }: Output): Output {
  return options.json
    ? new Output({ ...terminal, stdout: terminal.stderr }, { ...options, json: false })
    : new Output(terminal, options);
}
