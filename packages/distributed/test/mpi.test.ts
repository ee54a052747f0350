import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { MPIS, runRanks, withoutMpi } from '../../../tools/mpi.js';

const programs = join(import.meta.dirname, 'programs');

describe.skipIf(withoutMpi)(`MPI (${withoutMpi ?? 'installed'})`, () => {
  describe.each(MPIS)('$name', (mpi) => {
    it('has every collective, blocking and beside the thread', async () => {
      const ranks = mpi.name === 'MPICH' ? 3 : 2;
      const { code, stdout, stderr } = await runRanks(mpi, ranks, join(programs, 'collectives.ts'));
      expect(stderr).toBe('');
      expect(code).toBe(0);
      const lines = stdout.trim().split('\n').sort();
      expect(lines).toHaveLength(ranks);
      lines.forEach((line, rank) => {
        expect(line).toMatch(new RegExp(`^rank ${rank} of ${ranks} right: ${mpi.name} [\\d.]+, ${ranks} ranks$`));
      });
    });

    it('ends all within seconds when a rank is killed, and names it once', async () => {
      const victim = mpi.name === 'MPICH' ? 2 : 0;
      const start = performance.now();
      const { code, stdout, stderr } = await runRanks(mpi, 3, join(programs, 'ends.ts'), {
        args: ['killed', String(victim)],
      });
      expect(code).not.toBe(0);
      expect(stdout).not.toContain('went on');
      expect(stderr.match(/rank \d of 3 \(process \d+ on .*\) has died/g)).toEqual([
        expect.stringContaining(`rank ${victim} of 3`),
      ]);
      expect(performance.now() - start).toBeLessThan(30_000);
    });

    it('ends all where one fails, with its message alone', async () => {
      const { code, stdout, stderr } = await runRanks(mpi, 3, join(programs, 'ends.ts'), { args: ['failed', '1'] });
      expect(code).not.toBe(0);
      expect(stdout).not.toContain('went on');
      expect(stderr.match(/^error: .*$/gm)).toEqual(['error: rank 1: out of reasons']);
    });
  });
});
