/** The types of resources that Runpod has, and the calls of its own server that read and change each. */
import type { ResourceSupport, ResourceType } from '../../control-plane.ts';

/** The calls of one type, by verb, and the name of its id in them. */
interface Calls {
  support: ResourceSupport;
  id?: string;
  list?: string;
  get?: string;
  create?: string;
  update?: string;
  delete?: string;
  actions?: Readonly<Record<string, string>>;
  logs?: string;
}

const podSpec = {
  'name*': 'Name',
  'image*': 'Container image',
  gpu_type_ids: 'Ids of gpu_type; the first is used',
  gpu_count: 'Default 1',
  compute_type: 'CPU for a pod without GPU',
  cloud_type: 'SECURE or COMMUNITY',
  container_disk_in_gb: 'Disk that goes with the pod',
  volume_in_gb: 'Disk that stays while it is stopped',
  volume_mount_path: 'Where that disk is',
  ports: 'e.g. ["8888/http"]',
  env: 'Variables',
  ssh_public_key: 'Text of a public key',
  data_center_ids: 'Ids of data_center',
  template_id: 'Instead of image',
};
const endpointSpec = {
  'name*': 'Name',
  'image*': 'Container image',
  'gpu_pool_ids*': 'Values of pool of gpu_type',
  gpu_count: 'Each worker',
  workers_min: '0: none while idle',
  workers_max: 'At most',
  idle_timeout: 'Seconds',
  scaler_type: 'QUEUE_DELAY or REQUEST_COUNT',
  scaler_value: 'Target',
  env: 'Variables',
  hub_repo: 'owner/name of the Hub, instead of image and pools',
};

const all = ['list', 'get', 'create', 'update', 'delete'] as const;

export const calls: Readonly<Partial<Record<ResourceType, Calls>>> = {
  pod: {
    support: {
      verbs: [...all, 'action', 'logs'],
      actions: ['start', 'stop', 'restart'],
      filters: ['compute_type', 'gpu_type_id', 'data_center_id', 'name'],
      spec: podSpec,
      patch: {
        name: 'Name',
        image: 'Container image',
        ports: 'All of them',
        env: 'All of them',
        container_disk_in_gb: 'Disk',
      },
      isBilled: true,
    },
    id: 'podId',
    list: 'list-pods',
    get: 'get-pod',
    create: 'create-pod',
    update: 'update-pod',
    delete: 'delete-pod',
    actions: { start: 'start-pod', stop: 'stop-pod', restart: 'restart-pod' },
    logs: 'stream-pod-logs',
  },
  endpoint: {
    support: {
      verbs: [...all, 'action'],
      actions: ['purge_queue'],
      spec: endpointSpec,
      patch: {
        name: 'Name',
        image: 'Image',
        workers_min: 'At least',
        workers_max: 'At most',
        idle_timeout: 'Seconds',
        env: 'All of them',
      },
      isBilled: true,
    },
    id: 'endpointId',
    list: 'list-endpoints',
    get: 'get-endpoint',
    create: 'create-endpoint',
    update: 'update-endpoint',
    delete: 'delete-endpoint',
    actions: { purge_queue: 'purge-endpoint-queue' },
  },
  worker: {
    support: { verbs: ['list', 'logs'], parent: 'endpoint' },
    list: 'list-endpoint-workers',
    logs: 'stream-worker-logs',
  },
  release: { support: { verbs: ['list'], parent: 'endpoint' }, list: 'list-endpoint-releases' },
  template: {
    support: {
      verbs: all,
      spec: {
        'name*': 'Name',
        'image*': 'Image',
        is_serverless: 'For endpoints',
        ports: 'Ports',
        env: 'Variables',
      },
      patch: { name: 'Name', image: 'Image', ports: 'Ports', env: 'Variables' },
    },
    id: 'templateId',
    list: 'list-templates',
    get: 'get-template',
    create: 'create-template',
    update: 'update-template',
    delete: 'delete-template',
  },
  network_volume: {
    support: {
      verbs: all,
      spec: {
        'name*': 'Name',
        'size*': 'GB, 10 to 4096',
        'data_center_id*': 'Where',
        volume_type: 'STANDARD or HIGH_PERFORMANCE',
      },
      patch: { name: 'Name', size: 'GB, only more' },
      isBilled: true,
    },
    id: 'networkVolumeId',
    list: 'list-network-volumes',
    get: 'get-network-volume',
    create: 'create-network-volume',
    update: 'update-network-volume',
    delete: 'delete-network-volume',
  },
  registry_auth: {
    support: {
      verbs: ['list', 'get', 'create', 'delete'],
      spec: { 'name*': 'Name', 'username*': 'User', 'password*': 'Password or token' },
    },
    id: 'containerRegistryAuthId',
    list: 'list-container-registry-auths',
    get: 'get-container-registry-auth',
    create: 'create-container-registry-auth',
    delete: 'delete-container-registry-auth',
  },
  registry_delegation: {
    support: {
      verbs: ['list', 'create', 'delete'],
      spec: { 'resource*': 'ARN of an ECR repository', name: 'Name' },
    },
    id: 'delegationId',
    list: 'list-registry-delegations',
    create: 'create-registry-delegation',
    delete: 'delete-registry-delegation',
  },
  gpu_type: {
    support: {
      verbs: ['list', 'get'],
      filters: ['min_memory_gb', 'search_term', 'include_unavailable', 'secure_cloud_only'],
    },
    id: 'gpuTypeId',
    list: 'list-gpu-types',
    get: 'get-gpu-type',
  },
  cpu_type: {
    support: { verbs: ['list', 'get'] },
    id: 'cpuTypeId',
    list: 'list-cpu-types',
    get: 'get-cpu-type',
  },
  data_center: {
    support: { verbs: ['list', 'get'], filters: ['region'] },
    id: 'dataCenterId',
    list: 'list-data-centers',
    get: 'get-data-center',
  },
  capacity: {
    support: {
      verbs: ['list'],
      filters: ['cuda_versions', 'gpu_type_ids', 'gpu_count', 'include_unavailable'],
    },
    list: 'get-capacity',
  },
  hub_repo: {
    support: { verbs: ['list'], filters: ['search_term', 'category', 'type', 'repo_owner'] },
    list: 'list-hub-repos',
  },
  public_endpoint: {
    support: { verbs: ['list'], filters: ['search_term', 'modality', 'owner'] },
    list: 'list-public-endpoints',
  },
  billing: {
    support: { verbs: ['list'], filters: ['scope', 'start_time', 'end_time', 'bucket_size', 'last_n'] },
    list: 'get-billing',
  },
};
