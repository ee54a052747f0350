import { Argument, type Command } from 'commander';
import { cliCommand, type CliCommand } from '../core/command-line.js';
import type { Config } from '../config/schema.js';
import { interruptible } from '../core/interrupt.js';
import { Output } from '../core/output.js';
import type { Host } from '../core/host.js';
import { STAGES, type Stage, type StageName } from '../run/stage.js';
import { addEngineOptions, addOutputOptions, addRunOptions, type StageOptions } from './options.js';
import { configOf, needsOf, runStage } from './run-stage.js';
import { ALL_STAGES } from './stages.js';

/** `wbdc run`: a stage and all that it needs. */
export function addRunCommand(program: Command, host: Host): CliCommand {
  const command = program
    .command('run')
    .summary('run a stage and all that it needs')
    .description(
      'Runs the stages that the one you name needs, in their order, then that one. What is done already is left ' +
        'as it is, what ' +
        'was interrupted goes on: the same command again goes on where it stopped.',
    )
    .addArgument(new Argument('<stage>', 'the stage').choices(STAGES));
  addOutputOptions(addEngineOptions(addRunOptions(command))).addHelpText(
    'after',
    '\nExamples:\n  npx wbdc run pretrain --config apps/runner/configs/demo.yaml\n',
  );
  return cliCommand(command, (last: StageName, options: StageOptions) =>
    interruptible(host, (signal) => runUpTo(last, options, new Output(host, options), signal)),
  );
}

async function runUpTo(last: StageName, options: StageOptions, output: Output, signal: AbortSignal): Promise<number> {
  const config = await configOf(options, output);
  for (const stage of stagesFor(last, config)) {
    output.say(`\n== ${stage.name}`);
    const code = await runOne(stage, options, stage.name === last ? output : quietOnStdout(output), signal);
    if (code !== 0) return code;
  }
  return 0;
}

/** A stage and all that it needs, directly or through others, in their order. */
function stagesFor(last: StageName, config: Config): Stage[] {
  const stageOf = (name: StageName): Stage => ALL_STAGES.find((stage) => stage.name === name)!;
  const wanted = new Set([last]);
  // What is added is visited too.
  for (const name of wanted) for (const need of needsOf(stageOf(name), config)) wanted.add(need);
  return STAGES.filter((name) => wanted.has(name)).map(stageOf);
}

async function runOne(stage: Stage, options: StageOptions, output: Output, signal: AbortSignal): Promise<number> {
  const code = await runStage(stage, { ...options, resume: true }, output, signal);
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
