/** What one tfjs kernel cost. */
export interface KernelCost {
  readonly kernel: string;
  /** Whether it ran on ONNX Runtime or in this package's own loops, or on the inherited JavaScript kernel. */
  readonly native: boolean;
  readonly calls: number;
  readonly milliseconds: number;
}

/** Counts and times kernels while it is on. */
export class Profile {
  private costs: Map<string, { kernel: string; native: boolean; calls: number; milliseconds: number }> | undefined;

  get on(): boolean {
    return this.costs !== undefined;
  }

  start(): void {
    this.costs = new Map();
  }

  /** The costs since the start, the largest first. */
  stop(): KernelCost[] {
    const costs = [...(this.costs?.values() ?? [])];
    this.costs = undefined;
    return costs.sort((a, b) => b.milliseconds - a.milliseconds);
  }

  add(kernel: string, native: boolean, milliseconds: number): void {
    const key = `${kernel} ${native}`;
    const cost = this.costs?.get(key) ?? { kernel, native, calls: 0, milliseconds: 0 };
    cost.calls++;
    cost.milliseconds += milliseconds;
    this.costs?.set(key, cost);
  }
}
