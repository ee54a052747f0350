import type { StageContext, StageResult } from '../stage.js';
import { UserError } from '../errors.js';

/** Pretraining of the video-text model. */
export async function runPretrainStage(_context: StageContext): Promise<StageResult> {
  throw new UserError('the pretrain stage is not there yet');
}
