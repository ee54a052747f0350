/** `@wbdc/runner/cli`: what a command line like `wbdc` is made of. */
export { InvalidArgumentError, Option } from 'commander';
export type { Command } from 'commander';
export { cliCommand, runProgram } from './core/command-line.js';
export type { CliCommand, ProgramInfo } from './core/command-line.js';
export { addEngineOptions, addOutputOptions, collect, wholeNumber } from './commands/options.js';
export type { Host } from './core/host.js';
export { EXIT_INTERRUPTED, interruptible } from '@wbdc/io/interrupt';
export { Output } from './core/output.js';
export type { OutputOptions, Terminal } from './core/output.js';
export { processHost } from './process-host.js';
