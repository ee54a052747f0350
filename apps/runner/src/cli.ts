#!/usr/bin/env node
import { processHost } from './process-host.js';
import { runCommandLine } from './program.js';

process.exitCode = await runCommandLine(process.argv.slice(2), processHost());
