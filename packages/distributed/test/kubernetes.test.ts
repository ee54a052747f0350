import { Job } from 'kubernetes-models/batch/v1';
import { PodTemplateSpec } from 'kubernetes-models/v1';
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

/** The same of a template of pods. */
function assertTemplate(template: object): void {
  new PodTemplateSpec(template as ConstructorParameters<typeof PodTemplateSpec>[0]).validate();
}

const count = (smallest: number) => z.int32().min(smallest);
/** A label of DNS as the services of the operator take one. */
const isLabel = (text: string): boolean => /^[a-z](?:[-a-z0-9]{0,61}[a-z0-9])?$/.test(text);

const replicas = (number: z.ZodType<number>) =>
  z.strictObject({
    replicas: number,
    restartPolicy: z.enum(['Never', 'OnFailure']), // the schema has four; the operator refuses the others
    template: z.strictObject({ metadata: z.looseObject({}).optional(), spec: z.looseObject({}) }),
  });

/**
 * An MPIJob v2beta1 as Kubeflow's MPI operator takes it: the fields of its CustomResourceDefinition (manifests/base at
 * commit 26635a4, the one that has `managedBy`, released with 0.6.0), and of its validation, which is the stricter,
 * what it refuses. Fields that the definition does not have would be dropped without a word: here they are faults.
 */
const mpiJobSchema = z
  .strictObject({
    apiVersion: z.literal('kubeflow.org/v2beta1'),
    kind: z.literal('MPIJob'),
    metadata: z.strictObject({ name: z.string(), namespace: z.string().optional() }),
    spec: z.strictObject({
      slotsPerWorker: count(1),
      mpiImplementation: z.enum(['OpenMPI', 'Intel', 'MPICH']),
      launcherCreationPolicy: z.enum(['AtStartup', 'WaitForWorkersReady']),
      runLauncherAsWorker: z.boolean().optional(),
      sshAuthMountPath: z.string().min(1),
      runPolicy: z.strictObject({
        cleanPodPolicy: z.enum(['None', 'Running', 'All']),
        backoffLimit: count(0).optional(),
        activeDeadlineSeconds: z.int().min(0).optional(),
        ttlSecondsAfterFinished: count(0).optional(),
        suspend: z.boolean().optional(),
        managedBy: z.enum(['kubeflow.org/mpi-operator', 'kueue.x-k8s.io/multikueue']).optional(),
        schedulingPolicy: z
          .strictObject({
            minAvailable: z.int32().optional(),
            minResources: z.record(z.string(), z.union([z.int(), z.string()])).optional(),
            priorityClass: z.string().optional(),
            queue: z.string().optional(),
            scheduleTimeoutSeconds: z.int32().optional(),
          })
          .optional(),
      }),
      mpiReplicaSpecs: z.strictObject({ Launcher: replicas(z.literal(1)), Worker: replicas(count(1)) }),
    }),
  })
  .refine(({ metadata, spec }) => isLabel(`${metadata.name}-worker-${spec.mpiReplicaSpecs.Worker.replicas - 1}`), {
    path: ['metadata', 'name'],
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
      assertTemplate(template);
      expect(template.spec).not.toHaveProperty('restartPolicy'); // the operator warns of two
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

  it.each([
    ['a launcher twice', 'mpiReplicaSpecs.Launcher.replicas', 2],
    ['no worker', 'mpiReplicaSpecs.Worker.replicas', 0],
    ['a policy that the operator does not have', 'mpiReplicaSpecs.Worker.restartPolicy', 'Always'],
    ['no slots', 'slotsPerWorker', 0],
    ['no folder of keys', 'sshAuthMountPath', ''],
    ['another MPI', 'mpiImplementation', 'MVAPICH'],
    ['another cleaning', 'runPolicy.cleanPodPolicy', 'Always'],
    ['tries below none', 'runPolicy.backoffLimit', -1],
    ['an unknown field', 'waitForWorkers', true],
  ])('of trainings: %s is a fault', (_, path, value) => {
    const manifest = stageManifest({ ...OPTIONS, stage: 'pretrain', divides: 'ranks', workers: 2 });
    expect(mpiJobSchema.safeParse(manifest).success).toBe(true);
    const copy = structuredClone(manifest) as { spec: Record<string, unknown> };
    const keys = path.split('.');
    const parent = keys.slice(0, -1).reduce((of, key) => of[key] as Record<string, unknown>, copy.spec);
    parent[keys.at(-1)!] = value;
    const { error } = mpiJobSchema.safeParse(copy);
    expect(error?.issues.map((issue) => issue.path.join('.')).join()).toMatch(/^spec/);
  });

  it('are checked for containers, which a template has to have', () => {
    expect(() => assertTemplate({ spec: { volumes: [] } })).toThrow(/containers/);
  });

  it('have names that hosts can have, or say how much shorter the name of a run has to be', () => {
    const of = (name: string) =>
      stageManifest({ ...OPTIONS, name, stage: 'pretrain', divides: 'ranks', workers: 12 }).metadata.name;
    expect([of('1st Run!'), of('基线')]).toEqual(['wbdc-1st-run-pretrain', 'pretrain']);
    const longest = 'a'.repeat(63 - '-pretrain-worker-11'.length);
    expect(
      mpiJobSchema.safeParse(
        stageManifest({ ...OPTIONS, name: longest, stage: 'pretrain', divides: 'ranks', workers: 12 }),
      ).success,
    ).toBe(true);
    expect(() => of(`${longest}b`)).toThrow(/one that is 1 characters shorter/);
    const parts = { ...OPTIONS, name: 'a'.repeat(52), shards: 100 };
    expect(() => stageManifest(parts)).toThrow(/1 characters shorter/);
    expect(stageManifest({ ...parts, shards: 10 }).metadata.name).toHaveLength(61);
  });
});
