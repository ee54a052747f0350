/** `@wbdc/runner/cli`: what a command line like `wbdc` is made of. */
export { Option } from 'commander';
export type { Command } from 'commander';
export { cliCommand, runProgram } from './command-line.js';
export type { CliCommand, ProgramInfo } from './command-line.js';
export { addEngineOptions, addOutputOptions, collect, wholeNumber } from './commands/options.js';
export type { Host } from './host.js';
export { EXIT_INTERRUPTED, interruptible } from './interrupt.js';
export { Output } from './output.js';
export type { OutputOptions, Terminal } from './output.js';
export { processHost } from './process-host.js';
