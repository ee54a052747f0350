import { fileURLToPath } from 'node:url';

/** The `wbdc` of this package. */
export const WBDC_PROGRAM = fileURLToPath(new URL('../../bin/wbdc.js', import.meta.url));

/** Tells a child that its progress goes to the parent, not to its output. */
export const CHILD_VARIABLE = 'WBDC_CHILD';

/** Where the process of a stage writes its messages, one a line, that has no parent beside it. */
export const MESSAGES_VARIABLE = 'WBDC_MESSAGES';
