/** Cards that stages run on, each by as few of them at a time as there can be. */
export class Devices {
  readonly #running: Map<string, number>;

  /** @param ids as CUDA numbers them, or their UUIDs; none where nothing is chosen */
  constructor(ids: readonly string[]) {
    this.#running = new Map(ids.map((id) => [id, 0]));
  }

  /** The card with the fewest stages, of equals the first; nothing where none are named. */
  take(): string | undefined {
    const free = [...this.#running].reduce<readonly [string, number] | undefined>(
      (least, one) => (least === undefined || one[1] < least[1] ? one : least),
      undefined,
    );
    if (free !== undefined) this.#running.set(free[0], free[1] + 1);
    return free?.[0];
  }

  /** A stage has ended. */
  give(id: string | undefined): void {
    if (id !== undefined) this.#running.set(id, this.#running.get(id)! - 1);
  }
}

/**
 * What a process is told of the card that it has: CUDA shows it no other one, and TensorFlow takes memory as it needs
 * it in place of all at once, so that two stages can share a card.
 */
export function deviceEnvironment(id: string | undefined): Record<string, string> {
  return id === undefined ? {} : { CUDA_VISIBLE_DEVICES: id, TF_FORCE_GPU_ALLOW_GROWTH: 'true' };
}
