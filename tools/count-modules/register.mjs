/** Counts what a program loads: `WBDC_MODULES=list.txt node --import ./tools/count-modules/register.mjs x.js`. */
import { register } from 'node:module';

register('./hooks.mjs', import.meta.url);
