import type { Command } from 'commander';
import { cliCommand, type CliCommand } from '../core/command-line.js';
import type { Diagnosis } from '../core/doctor.js';
import { formatBytes, formatNumber } from '@wbdc/report/format';
import { Output, type Terminal } from '../core/output.js';
import { addOutputOptions, type StageOptions } from './options.js';

/** `wbdc doctor`: what this machine can compute with. */
export function addCommands(program: Command, terminal: Terminal): CliCommand {
  const command = program
    .command('doctor')
    .description(
      'Loads every engine and lets it compute, looks for optional programs, and says what to run to get what is ' +
        'missing. Exit code 1 where no engine that can train loads.',
    );
  addOutputOptions(command).addHelpText('after', '\nExamples:\n  npx wbdc doctor\n  npx wbdc doctor --json\n');
  return cliCommand(command, async (options: StageOptions) => {
    const { diagnose } = await import('../core/doctor.js');
    const diagnosis = await diagnose();
    const output = new Output(terminal, options);
    for (const line of linesOf(diagnosis)) output.say(line);
    const { environment, memory, engines, tools, ...rest } = diagnosis;
    output.result({
      ...rest,
      environment,
      memory: { ...memory },
      engines: engines.map((engine) => ({ ...engine })),
      tools: tools.map((tool) => ({ ...tool })),
    });
    return diagnosis.ok ? 0 : 1;
  });
}

function linesOf({ auto, environment, threads, memory, engines, tools }: Diagnosis): string[] {
  const { wbdc, node, platform, cpu } = environment;
  const engine = engines.flatMap(({ name, loads, about, gflops, bf16Speedup, remedy }) => {
    const speed = gflops === undefined ? '' : `, ${formatNumber(gflops)} GFLOP/s`;
    const bf16 = bf16Speedup === undefined ? '' : `, ${formatNumber(bf16Speedup)} x that with --precision bf16`;
    return line(name, loads, `${about}${speed}${bf16}`, remedy);
  });
  return [
    `wbdc ${wbdc}, Node ${node}, ${platform}, ${cpu}`,
    `threads  ${threads}`,
    `memory   ${formatBytes(memory.total)}, ${formatBytes(memory.free)} of it free`,
    'engines',
    ...engine,
    `         --engine auto takes ${auto ?? 'none: nothing loads'}`,
    'tools',
    ...tools.flatMap(({ name, found, about, remedy }) => line(name, found, about, remedy)),
  ];
}

function line(name: string, there: boolean, about: string, remedy: string | undefined): string[] {
  const start = `  ${there ? 'yes' : 'no '}  ${name.padEnd(10)}`;
  return [`${start}  ${about}`, ...(remedy === undefined ? [] : [`${' '.repeat(start.length)}  to get it: ${remedy}`])];
}
