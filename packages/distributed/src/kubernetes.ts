import { WbdcError } from '@wbdc/io/errors';

/** What is run on Kubernetes, and with what. */
export interface KubernetesOptions {
  /** Of the objects: lower case letters, digits and `-`, a letter first; 63 with the number of a pod. */
  readonly name: string;
  /** An image with wbdc, MPI and sshd: see deploy/Dockerfile. */
  readonly image: string;
  /** A PersistentVolumeClaim that all pods share (ReadWriteMany): configurations, data and runs. */
  readonly claim: string;
  /** Where it is in every pod, which is also where the commands run. Default `/work`. */
  readonly mountPath?: string;
  readonly namespace?: string | undefined;
  /** Of each pod, as Kubernetes writes them: `16`, `64Gi`. */
  readonly cpu: string;
  readonly memory: string;
  /** Extended resources of each pod: `{ 'nvidia.com/gpu': '1' }`. */
  readonly resources?: Readonly<Record<string, string>>;
}

/** A stage of wbdc, and how it is divided. */
export interface StageManifestOptions extends Omit<KubernetesOptions, 'name' | 'resources'> {
  /** The command: `features`. */
  readonly stage: string;
  /** Of the run. */
  readonly name: string;
  readonly config?: string | undefined;
  /** Settings, `key=value`. */
  readonly set?: readonly string[];
  /** NVIDIA GPUs of each pod. */
  readonly gpus?: number | undefined;
  /** Whether it can be done in parts, or trains as ranks of MPI. */
  readonly divides: 'shards' | 'ranks' | undefined;
  /** Parts, each a pod. */
  readonly shards?: number;
  /** Pods of a training, and ranks in each. */
  readonly workers?: number;
  readonly ranks?: number;
}

/** A manifest, as it is written in YAML. */
export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly spec: Readonly<Record<string, unknown>>;
}

/** User and group of deploy/Dockerfile. */
const USER = 1001;

const HOME = '/home/wbdc';

/** Where its sshd listens, which needs no rights there. */
const SSH_PORT = 2222;

/** An interrupted command: the same one again goes on. */
const REQUEUE = 75;

/** Exit code of wrong usage, which is not better a second time. */
const USAGE = 2;

/**
 * An Indexed Job: the pod of index i of so many does part i. One that fails is tried again three times, an interrupted
 * one as often as it takes; a wrong command fails at once.
 */
export function indexedJob(
  options: KubernetesOptions,
  { command, shards, parallelism = shards }: { command: readonly string[]; shards: number; parallelism?: number },
): Manifest {
  const env = [{ name: 'JOB_COMPLETIONS', value: String(shards) }];
  return job(options, pod(options, command, { env, restartPolicy: 'Never' }), {
    completionMode: 'Indexed',
    completions: shards,
    parallelism,
    backoffLimitPerIndex: 3,
  });
}

/** A Job of one pod. */
export function singleJob(options: KubernetesOptions, command: readonly string[]): Manifest {
  return job(options, pod(options, command, { restartPolicy: 'Never' }), { backoffLimit: 3 });
}

/**
 * A stage of wbdc that goes on where it stopped: as an Indexed Job, an MPIJob or a Job, by how it is divided.
 *
 * @throws WbdcError where the name of the run makes one that is too long for Kubernetes
 */
export function stageManifest(options: StageManifestOptions): Manifest {
  const { stage, divides, shards = 1, workers = 1, ranks = 1, config, set = [], gpus } = options;
  const written = `${options.name}-${stage}`
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-|-$/g, '');
  const name = /^[a-z]/.test(written) ? written : `wbdc-${written}`; // a label of DNS begins with a letter
  const resources = gpus === undefined ? {} : { 'nvidia.com/gpu': String(gpus) };
  const given = [...(config === undefined ? [] : ['--config', config]), ...set.flatMap((one) => ['--set', one])];
  const command = ['wbdc', stage, ...given, '--name', options.name, '--resume'];
  const shared = { ...options, name, resources };
  const [inParts, asRanks] = [divides === 'shards' && shards > 1, divides === 'ranks' && workers * ranks > 1];
  assertLabel(name + (inParts ? `-${shards - 1}` : asRanks ? `-worker-${workers - 1}` : ''), options.name);
  if (inParts) return indexedJob(shared, { command, shards });
  if (asRanks) return mpiJob(shared, { command, workers, ranksPerWorker: ranks });
  return singleJob(shared, command);
}

/** The longest label of DNS, which the names of hosts are. */
const LONGEST_LABEL = 63;

function assertLabel(host: string, given: string): void {
  const over = host.length - LONGEST_LABEL;
  if (over <= 0) return;
  throw new WbdcError({
    where: `name of the run '${given}'`,
    expected: `one that is ${over} characters shorter, for hosts of Kubernetes have at most ${LONGEST_LABEL}`,
    got: host,
  });
}

function job(options: KubernetesOptions, template: object, settings: object): Manifest {
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: metadataOf(options),
    spec: {
      ...settings,
      podFailurePolicy: {
        rules: [
          { action: 'Ignore', onExitCodes: { operator: 'In', values: [REQUEUE] } },
          { action: 'Ignore', onPodConditions: [{ type: 'DisruptionTarget', status: 'True' }] },
          { action: 'FailJob', onExitCodes: { operator: 'In', values: [USAGE] } },
        ],
      },
      template,
    },
  };
}

/**
 * An MPIJob of Kubeflow's MPI operator (v2beta1): so many workers with so many ranks each, and a launcher that is
 * started again where it fails or is moved, after which `--resume` goes on.
 */
export function mpiJob(
  options: KubernetesOptions,
  { command, workers, ranksPerWorker = 1 }: { command: readonly string[]; workers: number; ranksPerWorker?: number },
): Manifest {
  const mpirun = ['mpirun', '-n', String(workers * ranksPerWorker), '--bind-to', 'none'];
  const launcher = { ...options, cpu: '1', memory: '1Gi', resources: {} };
  const sshd = {
    ports: [{ containerPort: SSH_PORT, name: 'ssh' }],
    readinessProbe: { tcpSocket: { port: SSH_PORT }, initialDelaySeconds: 2 },
  };
  return {
    apiVersion: 'kubeflow.org/v2beta1',
    kind: 'MPIJob',
    metadata: metadataOf(options),
    spec: {
      slotsPerWorker: ranksPerWorker,
      mpiImplementation: 'OpenMPI',
      launcherCreationPolicy: 'WaitForWorkersReady',
      sshAuthMountPath: `${HOME}/.ssh`,
      runPolicy: { cleanPodPolicy: 'Running', backoffLimit: 6 },
      mpiReplicaSpecs: {
        Launcher: {
          replicas: 1,
          restartPolicy: 'OnFailure',
          template: pod(launcher, [...mpirun, '--wdir', pathOf(options), ...command]),
        },
        Worker: {
          replicas: workers,
          restartPolicy: 'OnFailure',
          template: pod(options, ['/usr/sbin/sshd', '-De', '-f', `${HOME}/.sshd_config`], { container: sshd }),
        },
      },
    },
  };
}

function metadataOf({ name, namespace }: KubernetesOptions): Manifest['metadata'] {
  return { name, ...(namespace !== undefined && { namespace }) };
}

function pathOf({ mountPath = '/work' }: KubernetesOptions): string {
  return mountPath;
}

interface PodSettings {
  readonly env?: readonly { readonly name: string; readonly value: string }[];
  /** Pods of an MPIJob have that of their replicas. */
  readonly restartPolicy?: 'Never';
  /** More of its container. */
  readonly container?: object;
}

function pod(
  options: KubernetesOptions,
  command: readonly string[],
  { env, restartPolicy, container }: PodSettings = {},
): object {
  const { image, claim, cpu, memory, resources = {} } = options;
  return {
    spec: {
      ...(restartPolicy && { restartPolicy }),
      terminationGracePeriodSeconds: 120, // for a checkpoint
      securityContext: { runAsNonRoot: true, runAsUser: USER, runAsGroup: USER, fsGroup: USER },
      containers: [
        {
          name: 'wbdc',
          image,
          command: [...command],
          workingDir: pathOf(options),
          ...(env && { env }),
          resources: { requests: { cpu, memory }, limits: { cpu, memory, ...resources } },
          securityContext: { allowPrivilegeEscalation: false },
          volumeMounts: [{ name: 'work', mountPath: pathOf(options) }],
          ...container,
        },
      ],
      volumes: [{ name: 'work', persistentVolumeClaim: { claimName: claim } }],
    },
  };
}
