import { Argument, type Command } from 'commander';
import { stageManifest, type StageManifestOptions } from '@wbdc/distributed/kubernetes';
import { stringify } from 'yaml';
import { cliCommand, type CliCommand } from '../core/command-line.js';
import type { Host } from '../core/host.js';
import { Output } from '../core/output.js';
import { collect, wholeNumber } from './options.js';
import { ALL_STAGES } from './stages.js';

/** `wbdc submit kubernetes`: manifests of stages. */
export function addCommands(program: Command, host: Host): CliCommand {
  const named = ALL_STAGES.map(({ name, command = name }) => command);
  const kubernetes = program
    .command('submit')
    .description('Slurm takes the commands themselves: deploy/slurm.md, and lab competition --on slurm.')
    .command('kubernetes')
    .summary('print the manifest of a stage: an Indexed Job, an MPIJob of Kubeflow, or a Job')
    .addArgument(new Argument('<stage>', 'what to run').choices(named))
    .requiredOption('--image <name>', 'an image made by deploy/Dockerfile')
    .requiredOption('--claim <name>', 'a PersistentVolumeClaim that all pods share, with configuration and data')
    .option('-n, --name <name>', 'name of the run', 'run')
    .option('--namespace <name>', 'where the objects go')
    .option('-c, --config <file>', 'a configuration in the volume')
    .option('-s, --set <key=value>', 'change one setting; may be repeated', collect, [])
    .option('--cpu <amount>', 'processors of each pod', '4')
    .option('--memory <amount>', 'memory of each pod', '16Gi')
    .option('--gpus <n>', 'NVIDIA GPUs of each pod', wholeNumber(1))
    .option('--workers <n>', 'pods of a training', wholeNumber(1), 1)
    .option('--ranks <n>', 'ranks of a training in each of them', wholeNumber(1), 1)
    .option('--shards <n>', 'parts of the features, a pod each', wholeNumber(1), 1);
  kubernetes.addHelpText(
    'after',
    '\nExamples:\n  npx wbdc submit kubernetes features --image wbdc --claim work --shards 16 | kubectl apply -f -\n' +
      '  npx wbdc submit kubernetes pretrain --image wbdc --claim work --workers 8 | kubectl apply -f -\n',
  );
  return cliCommand(kubernetes, (stage: string, options: Omit<StageManifestOptions, 'stage' | 'divides'>) => {
    const { trains, divisible } = ALL_STAGES.find((one) => (one.command ?? one.name) === stage)!;
    const divides = divisible ? 'shards' : trains ? 'ranks' : undefined;
    new Output(host, {}).say(stringify(stageManifest({ ...options, stage, divides })).trimEnd());
    return Promise.resolve(0);
  });
}
