import type { StageContext, StageResult } from '../stage.js';
import { UserError } from '../errors.js';

/** Frame features. */
export async function runFeaturesStage(_context: StageContext): Promise<StageResult> {
  throw new UserError('the features stage is not there yet');
}
