/** Gives fresh weights other values before the first step. */
export interface Initialize<Args extends readonly unknown[]> {
  /** Paths of the subtrees (`encoder.bert`) that it gives all their values: those are not drawn. */
  readonly paths: readonly string[];
  /** Not called where a run goes on from a checkpoint. */
  readonly run: (...args: Args) => Promise<void>;
}
