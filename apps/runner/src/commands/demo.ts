import { resolve } from 'node:path';
import type { Command } from 'commander';
import { withLock } from '@wbdc/io';
import { interruptible, untilAborted } from '@wbdc/io/interrupt';
import { cliCommand, type CliCommand } from '../core/command-line.js';
import { loadOptional } from '../core/demo-data.js';
import { UserError } from '../core/errors.js';
import type { Host } from '../core/host.js';
import { observed } from '../core/observer.js';
import { Output } from '../core/output.js';
import { ownFolder } from '../stages/data-root.js';
import { addEngineOptions, addOutputOptions, addRunOptions, wholeNumber, type StageOptions } from './options.js';
import { configOf, loadEngine, runFolderOf } from './run-stage.js';

const ALL_STAGES_OF_IT = 'npx wbdc run finetune --config apps/runner/configs/demo.yaml';

/** `wbdc demo`: a page that computes in the browser, made of a run. */
export function addCommands(program: Command, host: Host): CliCommand {
  const command = program
    .command('demo')
    .description(
      'Writes a static page with the models, videos and features of a run, for any web server: a video that is ' +
        'dropped there never leaves the browser. It takes data, features and pretrain of the run (runs/demo where ' +
        'nothing else is said), and finetune where that has learned categories; what is missing is said.',
    )
    .option('-o, --out <folder>', 'where to write; default: runs/<name>/web')
    .option('--serve', 'show it at http://127.0.0.1:<port>/ until Ctrl-C')
    .option('--port <number>', 'to listen on; 0: a free one', wholeNumber(0), 8090);
  addOutputOptions(addEngineOptions(addRunOptions(command))).addHelpText(
    'after',
    `\nExample:\n  ${ALL_STAGES_OF_IT} && npx wbdc demo --serve\n`,
  );
  return cliCommand(command, (options: DemoOptions) =>
    interruptible(host, (signal) => runDemo(options, new Output(host, options), signal)),
  );
}

type DemoOptions = StageOptions & { readonly out?: string; readonly serve?: boolean; readonly port: number };

async function runDemo(given: DemoOptions, output: Output, signal: AbortSignal): Promise<number> {
  const config = await configOf(given.config || given.name ? given : { ...given, name: 'demo' }, output);
  const run = runFolderOf(config, output.terminal.folder);
  const stages = { stage: 'demo', needs: ['data', 'features', 'pretrain'] } as const;
  const needed = await run.needed(stages).catch((cause: Error) => {
    throw new UserError(`${cause.message}; or all at once: ${ALL_STAGES_OF_IT}`, 1, { cause });
  });
  const [features, pretrained] = (['features', 'pretrain'] as const).map((name) => needed.get(name)!.folder);
  const data = ownFolder({ config, output }) ?? needed.get('data')!.folder;
  const finetuned = (await run.holderOf('finetune')).folderOf('finetune');
  const out = given.out === undefined ? run.folderOf('web') : resolve(output.terminal.folder, given.out);
  const { categoryModelIn, publishSite, serveSite } = await loadOptional('web', 'the page', () => import('@wbdc/web'));
  await loadEngine(config, output);
  const sources = { pretrained, categories: await categoryModelIn(finetuned), features, data, out, signal };
  const made = await withLock(out, () => observed(output, (observer) => publishSite({ ...sources, observer })));
  output.say(`made     ${out}: a folder for any web server`);
  if (given.serve) {
    const server = await serveSite(out, { port: given.port });
    output.say(`serving  ${server.url}`);
    await untilAborted(signal);
    await server.close();
  } else output.say('next     show it with npx wbdc demo --serve, or give the folder to a web server');
  output.result({ ...made, out });
  return 0;
}
