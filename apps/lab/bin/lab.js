#!/usr/bin/env node
import { runCompiled } from '../../runner/bin/run-compiled.js';

await runCompiled(import.meta.url, 'lab');
