import { nodeBackend } from './binding.js';

/** What one of TensorFlow's operations cost. */
export interface OperationCost {
  readonly operation: string;
  readonly calls: number;
  readonly milliseconds: number;
}

/**
 * Runs a function and measures what TensorFlow's operations cost meanwhile, the most first. On a GPU they end later
 * than their calls.
 */
export function profileOperations<T>(work: () => T): { readonly result: T; readonly operations: OperationCost[] } {
  const backend = nodeBackend() as { binding: ReturnType<typeof nodeBackend>['binding'] };
  const { binding } = backend;
  const costs = new Map<string, { operation: string; calls: number; milliseconds: number }>();
  const executeOp: typeof binding.executeOp = (operation, ...rest) => {
    const start = performance.now();
    try {
      return binding.executeOp(operation, ...rest);
    } finally {
      const cost = costs.get(operation) ?? { operation, calls: 0, milliseconds: 0 };
      cost.calls++;
      cost.milliseconds += performance.now() - start;
      costs.set(operation, cost);
    }
  };
  backend.binding = Object.create(binding, { executeOp: { value: executeOp } }) as typeof binding;
  try {
    const result = work();
    return { result, operations: [...costs.values()].sort((a, b) => b.milliseconds - a.milliseconds) };
  } finally {
    backend.binding = binding;
  }
}
