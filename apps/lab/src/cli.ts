#!/usr/bin/env node
import { processHost } from '@wbdc/runner/cli';
import { childStarter } from './jobs/child.js';
import { runCommandLine } from './program.js';

process.exitCode = await runCommandLine(process.argv.slice(2), processHost(), childStarter());
