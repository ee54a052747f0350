/** The training stages that can be checked. */
export const CHECK_JOBS = ['pretrain', 'clip', 'finetune'] as const;
export type CheckJob = (typeof CHECK_JOBS)[number];
