import type { VerifiedFeatures } from '@wbdc/pipeline/features';
import { dataPlaces } from '@wbdc/pipeline/places';
import type { Command } from 'commander';
import { cliCommand, type CliCommand } from '../core/command-line.js';
import { interruptible } from '@wbdc/io/interrupt';
import { observed } from '../core/observer.js';
import { Output } from '../core/output.js';
import type { Host } from '../core/host.js';
import type { StageName } from '../run/stage.js';
import { addDataOptions, addOutputOptions, addRunOptions, type StageOptions } from './options.js';
import { configOf, runFolderOf } from './run-stage.js';

/** `wbdc verify-features`: reads every stored feature once and says what is wrong. */
export function addCommands(program: Command, host: Host): CliCommand {
  const command = program
    .command('verify-features')
    .description(
      'Reads the stores of the features stage from end to end: checksums, widths and frames of every array, one ' +
        'recipe, every video of the annotations there or among the skipped, and no others. Exit code 1 when ' +
        'something is wrong.',
    );
  addOutputOptions(addDataOptions(addRunOptions(command))).addHelpText(
    'after',
    '\nExamples:\n  npx wbdc verify-features --config my.yaml\n  npx wbdc verify-features --name demo --json\n',
  );
  return cliCommand(command, (options: StageOptions) =>
    interruptible(host, (signal) => runVerify(options, new Output(host, options), signal)),
  );
}

async function runVerify(options: StageOptions, output: Output, signal: AbortSignal): Promise<number> {
  const config = await configOf(options, output);
  const run = runFolderOf(config, output.terminal.folder);
  const { features, remote } = dataPlaces(config.data, output.terminal.folder);
  const needed = await run.needed({
    stage: 'verify-features',
    needs: features === undefined ? ['data', 'features'] : ['data'],
  });
  const [{ verifyFeatures, describeVerified }, { featureFolders }] = await Promise.all([
    import('@wbdc/pipeline/features'),
    import('../stages/feature-files.js'),
  ]);
  const upstream = (name: StageName): string => needed.get(name)!.folder;
  const folders = featureFolders({ config, output, upstream }, features ?? upstream('features'));
  const checked: VerifiedFeatures[] = [];
  await observed(output, async (observer) => {
    for await (const split of verifyFeatures({ ...folders, remote, signal, observer })) checked.push(split);
  });
  for (const line of checked.flatMap(describeVerified)) output.say(line);
  const ok = checked.every(({ problems }) => problems.length === 0);
  output.result({ ok, splits: checked.map((split) => ({ ...split })) });
  return ok ? 0 : 1;
}
