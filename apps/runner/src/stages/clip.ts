import type { StageContext, StageResult } from '../stage.js';
import { UserError } from '../errors.js';

/** The CLIP stage. */
export async function runClipStage(_context: StageContext): Promise<StageResult> {
  throw new UserError('the clip stage is not there yet');
}
