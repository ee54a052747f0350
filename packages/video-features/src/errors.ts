import { WbdcError } from '@wbdc/io/errors';

/**
 * A picture, archive or video is at fault, not the disk or the program: what a run over many videos may skip and count.
 * The message says what was expected, what came, where, and what to do.
 */
export class SourceError extends WbdcError {
  override readonly name = 'SourceError';
}

/** The message of anything thrown, on one line. */
export function reasonOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).trim().replaceAll(/\s*\n\s*/g, '; ');
}

/**
 * What sharp says of a picture, its first line without the words of libvips that follow a colon: threads share the
 * place that these come from, so that for the same file they are there, or twice, or not.
 */
export function pictureReasonOf(error: unknown): string {
  return reasonOf(error)
    .split('; ')[0]
    .replace(/(corrupt header):.*/, '$1');
}
