/**
 * Waits for Dawn, the WebGPU of npm's `webgpu`, without returning to the event loop. Its binding for Node polls the GPU
 * in ticks that it schedules through `globalThis.setImmediate`, looked up anew each time (AsyncRunner.cpp in Dawn's
 * src/dawn/node/binding). Catching that callback lets us run the ticks ourselves. This is no public API, hence the
 * exact version.
 */
export class Pump {
  readonly #later = globalThis.setImmediate;
  #tick: (() => void) | undefined;
  #scheduled = false;

  /** Starts asynchronous work of Dawn's, such as mapping a buffer, and sees to its ticks. */
  start<T>(begin: () => T): T {
    const result = this.#catching(begin);
    this.#schedule(0);
    return result;
  }

  /**
   * Ticks until something is no longer so.
   * @returns whether that came about: false where Dawn has nothing left to wait for
   */
  waitWhile(pending: () => boolean): boolean {
    for (let round = 0; pending(); round++) {
      if (!this.#run() && pending()) return false;
      if (round > SPINS) sleep(PAUSE);
    }
    return true;
  }

  #catching<T>(run: () => T): T {
    const original = globalThis.setImmediate;
    const caught = (callback: () => void): void => void (this.#tick = callback);
    globalThis.setImmediate = caught as unknown as typeof setImmediate;
    try {
      return run();
    } finally {
      globalThis.setImmediate = original;
    }
  }

  /** One tick; gives whether there is another. */
  #run(): boolean {
    const tick = this.#tick;
    this.#tick = undefined;
    if (tick) this.#catching(tick);
    return this.#tick !== undefined;
  }

  /** Lets promises of Dawn's be fulfilled when nobody waits synchronously: first at once, then every so often. */
  #schedule(round: number): void {
    if (this.#scheduled || this.#tick === undefined) return;
    this.#scheduled = true;
    const next = (): void => {
      this.#scheduled = false;
      if (this.#run()) this.#schedule(round + 1);
    };
    if (round < SPINS) this.#later(next);
    else setTimeout(next, PAUSE);
  }
}

/** Ticks without a pause: a small read takes some dozens. */
const SPINS = 200;
/** In milliseconds. */
const PAUSE = 1;

let cell: Int32Array | undefined;

/** In Node alone: a page has no shared memory unless it is isolated from all others. */
function sleep(milliseconds: number): void {
  cell ??= new Int32Array(new SharedArrayBuffer(4));
  Atomics.wait(cell, 0, 0, milliseconds);
}
