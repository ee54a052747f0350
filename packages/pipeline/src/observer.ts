/** How far a long piece of work is. */
export interface Progress {
  /** What is counted, in the plural: `videos of unlabeled`, `steps`. */
  readonly noun: string;
  readonly done: number;
  readonly total: number;
  /** More to say of this moment: `loss 3.21  205 videos/s`. */
  readonly about?: string;
  /** The last report of this work: whoever draws a bar may take it away. */
  readonly ended?: boolean;
}

/** Told of what happens inside a long call. The libraries print nothing themselves. */
export interface Observer {
  readonly onMessage?: (line: string) => void;
  readonly onWarning?: (line: string) => void;
  readonly onProgress?: (progress: Progress) => void;
}
