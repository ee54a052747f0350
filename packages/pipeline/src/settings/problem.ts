/** Settings that are valid one by one and do not go together. */
export interface Problem {
  readonly path: string[];
  /** What was expected, and what came. */
  readonly message: string;
}
