import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Files that take a minute and more on a small machine, the longest first, from the root of the repository. */
export const LONG = [
  'apps/runner/test/kill/kill.test.ts',
  'apps/lab/test/slurm.test.ts',
  'packages/tfjs-backend-webgpu/test/half.test.ts',
  'packages/lxmert-model/test/lxmert-model.test.ts',
  'packages/lxmert-model/test/onnx.test.ts',
  'packages/nn/test/ops.test.ts',
  'packages/clip-model/test/encoding-pixels.test.ts',
  'packages/uni-model/test/onnx.test.ts',
];

/**
 * Begins each project with its long files, so that no core waits for one of them at the end: where no run has measured
 * them yet, Vitest goes by the size of a file, and some of the longest are small.
 */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const projects = [...new Set(sorted.map(({ project }) => project.name))];
    return projects.flatMap((name) => longFirst(sorted.filter(({ project }) => project.name === name)));
  }
}

/** The long ones in the order of {@link LONG}, then the others as they were. */
export function longFirst<File extends { readonly moduleId: string }>(files: readonly File[]): File[] {
  const rank = ({ moduleId }: File): number => {
    const at = LONG.findIndex((file) => moduleId.endsWith(`/${file}`));
    return at < 0 ? LONG.length : at;
  };
  return files.toSorted((a, b) => rank(a) - rank(b));
}
