import { Job } from 'kubernetes-models/batch/v1';
import { describe, expect, it } from 'vitest';
import { stageManifest, type Manifest, type StageManifestOptions } from '@wbdc/distributed/kubernetes';
import { z } from 'zod';

const OPTIONS: StageManifestOptions = {
  ...{ stage: 'features', name: 'Demo 1', image: 'registry/wbdc:1', claim: 'work', cpu: '4', memory: '16Gi' },
  ...{ config: 'my.yaml', set: ['seed=3'], divides: 'shards' },
};

/** As the published OpenAPI of Kubernetes has it. @throws Error with each place that does not fit */
function assertJob(manifest: object): void {
  new Job(manifest as ConstructorParameters<typeof Job>[0]).validate();
}

/** The fields of an MPIJob v2beta1 of Kubeflow's operator; its pods are checked as those of a Job are. */
const replicas = z.strictObject({
  replicas: z.int().min(1),
  restartPolicy: z.enum(['Always', 'OnFailure', 'Never', 'ExitCode']),
  template: z.looseObject({}),
});
const mpiJobSchema = z.strictObject({
  apiVersion: z.literal('kubeflow.org/v2beta1'),
  kind: z.literal('MPIJob'),
  metadata: z.strictObject({ name: z.string(), namespace: z.string().optional() }),
  spec: z.strictObject({
    slotsPerWorker: z.int().min(1),
    mpiImplementation: z.enum(['OpenMPI', 'Intel', 'MPICH']),
    launcherCreationPolicy: z.enum(['AtStartup', 'WaitForWorkersReady']),
    sshAuthMountPath: z.string(),
    runPolicy: z.strictObject({
      cleanPodPolicy: z.enum(['None', 'Running', 'All']),
      backoffLimit: z.int(),
    }),
    mpiReplicaSpecs: z.strictObject({ Launcher: replicas, Worker: replicas }),
  }),
});

/** The containers of every pod of a manifest. */
function containersOf(manifest: unknown): Record<string, unknown>[] {
  if (typeof manifest !== 'object' || manifest === null) return [];
  return Object.entries(manifest).flatMap(([key, value]) =>
    key === 'containers' ? (value as Record<string, unknown>[]) : containersOf(value),
  );
}

/** What no pod of ours may lack. */
function assertCareful(manifest: Manifest): void {
  const containers = containersOf(manifest);
  expect(containers.length).toBeGreaterThan(0);
  for (const container of containers) {
    expect(container).toMatchObject({
      resources: { limits: { cpu: expect.any(String), memory: expect.any(String) } },
      securityContext: { allowPrivilegeEscalation: false },
      volumeMounts: [{ mountPath: '/work' }],
    });
  }
  expect(JSON.stringify(manifest)).toContain('"runAsNonRoot":true');
}

describe('manifests', () => {
  it('of features are an Indexed Job by the schema of Kubernetes', () => {
    const manifest = stageManifest({ ...OPTIONS, shards: 16, gpus: 1, namespace: 'team' });
    assertJob(manifest);
    assertCareful(manifest);
    expect(manifest).toMatchObject({
      kind: 'Job',
      metadata: { name: 'demo-1-features', namespace: 'team' },
      spec: {
        completionMode: 'Indexed',
        completions: 16,
        parallelism: 16,
        template: { spec: { restartPolicy: 'Never' } },
      },
    });
    const [container] = containersOf(manifest);
    expect(container).toMatchObject({
      command: ['wbdc', 'features', '--config', 'my.yaml', '--set', 'seed=3', '--name', 'Demo 1', '--resume'],
      env: [{ name: 'JOB_COMPLETIONS', value: '16' }],
      resources: { limits: { 'nvidia.com/gpu': '1' } },
    });
  });

  it('of what is not divided are Jobs of one pod', () => {
    for (const divides of ['shards', 'ranks', undefined] as const) {
      const manifest = stageManifest({ ...OPTIONS, divides });
      assertJob(manifest);
      assertCareful(manifest);
      expect(manifest.spec).not.toHaveProperty('completionMode');
    }
  });

  it('of trainings are an MPIJob whose pods fit the schema of Kubernetes', () => {
    const manifest = stageManifest({ ...OPTIONS, stage: 'pretrain', divides: 'ranks', workers: 3, ranks: 2 });
    const { spec } = mpiJobSchema.parse(manifest);
    assertCareful(manifest);
    for (const { template } of Object.values(spec.mpiReplicaSpecs)) {
      assertJob({ apiVersion: 'batch/v1', kind: 'Job', metadata: { name: 'x' }, spec: { template } });
    }
    expect(spec).toMatchObject({ slotsPerWorker: 2, mpiReplicaSpecs: { Worker: { replicas: 3 } } });
    const [{ command }] = containersOf(spec.mpiReplicaSpecs.Launcher);
    expect((command as string[]).join(' ')).toMatch(/^mpirun -n 6 .*--wdir \/work wbdc pretrain .*--resume$/);
  });

  it('are checked by something that finds faults', () => {
    const manifest = stageManifest({ ...OPTIONS, shards: 2 });
    expect(() => assertJob({ ...manifest, spec: { ...manifest.spec, completions: 'two' } })).toThrow(/completions/);
    expect(() => assertJob({ ...manifest, spec: { completions: 2 } })).toThrow(/template/);
    expect(mpiJobSchema.safeParse({ ...manifest, kind: 'MPIJob' }).success).toBe(false);
  });
});
