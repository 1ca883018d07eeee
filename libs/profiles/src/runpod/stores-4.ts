/** The tools of edition 4 of Runpod's own server for catalogues, templates, volumes, registries and bills. */
import { z } from 'zod';
import { getCapacity, listHubRepos, listPublicEndpoints } from './both.ts';
import { body, change, destroy, env, make, type Row, read } from './row.ts';

const byId = { id: z.string() };
/** Of bills. */
const buckets = {
  startTime: z.string().describe('RFC 3339').optional(),
  endTime: z.string().describe('RFC 3339').optional(),
  bucketSize: z.enum(['hour', 'day', 'week', 'month', 'year']).default('day'),
  lastN: z.int().min(1).describe('Buckets').optional(),
};
const included = {
  include: z
    .array(z.enum(['AVAILABILITY']))
    .max(1)
    .describe('What to add')
    .optional(),
};
const gpuFilters = {
  ...included,
  product: z
    .array(z.enum(['POD', 'CLUSTER', 'SERVERLESS']))
    .describe('Product')
    .optional(),
  count: z.int().min(1).default(1),
  cloud: z.enum(['SECURE', 'COMMUNITY']).optional(),
  countryCodes: z
    .array(z.string().regex(/^[A-Z]{2}$/))
    .describe('e.g. US')
    .optional(),
  cudaVersions: z
    .array(z.string().regex(/^\d+\.\d+$/))
    .describe('e.g. 12.8')
    .optional(),
  minCudaVersion: z
    .string()
    .regex(/^\d+(\.\d+)?$/)
    .optional(),
};
const cpuFilters = {
  ...included,
  product: z
    .array(z.enum(['POD', 'SERVERLESS']))
    .describe('Product')
    .optional(),
  vcpuCount: z.int().min(2).optional(),
};

export const stores4: Readonly<Record<string, Row>> = {
  'list-templates': {
    title: 'List templates',
    description: 'Your templates in brief.',
    hints: read,
    args: {},
  },
  'get-capacity': getCapacity,
  'list-hub-repos': listHubRepos,
  'deploy-hub-repo': {
    title: 'Deploy Hub repo',
    description:
      "Make a serverless endpoint of a Hub repo's listed release. Its workers are billed while they run.",
    hints: make,
    args: {
      repo: z.string().describe('"owner/name"').optional(),
      hubReleaseId: z.string().optional(),
      name: z.string().optional(),
      env: env.optional(),
      gpuIds: z.string().describe('"POOL,-GPU type", e.g. "ADA_24"').optional(),
      gpuCount: z.int().min(1).optional(),
      containerDiskInGb: z.int().min(1).optional(),
      workersMin: z.int().min(0).describe('0: none while idle').optional(),
      workersMax: z.int().min(1).optional(),
      idleTimeout: z.int().min(1).describe('Seconds').optional(),
      scalerType: z.enum(['QUEUE_DELAY', 'REQUEST_COUNT']).optional(),
      scalerValue: z.number().describe('Seconds of delay, or requests per worker; default 4').optional(),
      executionTimeoutMs: z.int().min(1).describe('Of one job').optional(),
      flashboot: z.enum(['OFF', 'FLASHBOOT', 'PRIORITY_FLASHBOOT']).optional(),
    },
  },
  'list-public-endpoints': listPublicEndpoints,
  'create-cluster': {
    title: 'Create cluster',
    description: 'Make a cluster of GPU pods, billed until it is deleted.',
    hints: make,
    args: {
      body: body(
        'args, disk >=1, env {}, image, ports [], compute* {gpuTypeId*, gpuCountPerPod* >=1, podCount* >=2 <=250}, name*, type* APPLICATION|TRAINING|SLURM|RAY, dataCenterIds [], mounts {persistent {size* >=10, path*}, network [{volumeId*, path*}]}, startJupyter bool, startSsh bool',
      ),
    },
  },
  'create-delegation': {
    title: 'Create ECR delegation',
    description: 'Let Runpod pull from an AWS ECR repository.',
    hints: make,
    args: { body: body('resource*, name') },
  },
  'create-network-volume': {
    title: 'Create network volume',
    description: 'Make a volume, billed by size until it is deleted.',
    hints: make,
    args: { body: body('dataCenter*, name*, size* >=10 <=4096, type STANDARD|HIGH_PERFORMANCE') },
  },
  'create-registry': {
    title: 'Create registry credential',
    description: 'Save a name and password so that private images can be pulled.',
    hints: make,
    args: { body: body('name*, password*, username*') },
  },
  'create-template': {
    title: 'Create template',
    description: 'Save an image with its settings for pods or endpoints.',
    hints: make,
    args: {
      body: body(
        'args, disk >=1, env {}, image*, ports [], registry, name*, allowedCudaVersions [], category CPU|NVIDIA|AMD, mounts {persistent {size* >=10, path*}}, public bool, serverless bool, startJupyter bool, startSsh bool',
      ),
    },
  },
  'delete-cluster': {
    title: 'Delete cluster',
    description: 'Delete a cluster and its pods for good.',
    hints: destroy,
    args: byId,
  },
  'delete-network-volume': {
    title: 'Delete network volume',
    description: 'Delete a volume and its data for good.',
    hints: destroy,
    args: byId,
  },
  'delete-registry': {
    title: 'Delete registry credential',
    description: 'Delete a credential for good.',
    hints: destroy,
    args: byId,
  },
  'delete-template': {
    title: 'Delete template',
    description: 'Delete a template for good.',
    hints: destroy,
    args: byId,
  },
  'get-cluster': {
    title: 'Get cluster',
    description: 'One cluster by its id, whole.',
    hints: read,
    args: byId,
  },
  'get-cpu-type': {
    title: 'Get CPU type',
    description: 'One CPU flavor by its id.',
    hints: read,
    args: {
      id: z.string(),
      ...cpuFilters,
    },
  },
  'get-data-center': {
    title: 'Get data center',
    description: 'One data centre by its id.',
    hints: read,
    args: {
      id: z.string(),
      include: z
        .array(z.enum(['GPU_AVAILABILITY', 'CPU_AVAILABILITY']))
        .describe('What to add')
        .optional(),
    },
  },
  'get-gpu-type': {
    title: 'Get GPU type',
    description: 'One GPU type, with its stock in each data centre.',
    hints: read,
    args: {
      id: z.string(),
      ...gpuFilters,
    },
  },
  'get-network-volume': {
    title: 'Get network volume',
    description: 'One network volume by id.',
    hints: read,
    args: byId,
  },
  'get-registry': {
    title: 'Get registry credential',
    description: 'One credential, without its password.',
    hints: read,
    args: byId,
  },
  'get-ssh-keys': {
    title: 'Get SSH keys',
    description: 'Public keys of the account.',
    hints: read,
    args: {},
  },
  'get-template': {
    title: 'Get template',
    description: 'One template by its id, whole.',
    hints: read,
    args: byId,
  },
  'list-billing': {
    title: 'List billing',
    description: 'What was spent, by bucket of time.',
    hints: read,
    args: buckets,
  },
  'list-cluster-billing': {
    title: 'List cluster billing',
    description: 'What clusters cost, by bucket of time.',
    hints: read,
    args: {
      ...buckets,
      clusterId: z.string().optional(),
    },
  },
  'list-clusters': {
    title: 'List clusters',
    description: 'Your clusters of GPU pods.',
    hints: read,
    args: {},
  },
  'list-cpu-types': {
    title: 'List CPU types',
    description: 'CPU flavors for pods and endpoints.',
    hints: read,
    args: cpuFilters,
  },
  'list-data-centers': {
    title: 'List data centers',
    description: 'Data centres by id, name and region.',
    hints: read,
    args: {
      include: z
        .array(z.enum(['GPU_AVAILABILITY', 'CPU_AVAILABILITY']))
        .describe('What to add')
        .optional(),
      regions: z
        .array(
          z.enum([
            'NORTH_AMERICA',
            'SOUTH_AMERICA',
            'EUROPE',
            'ASIA',
            'MIDDLE_EAST',
            'AFRICA',
            'OCEANIA',
            'ANTARCTICA',
            'UNKNOWN',
          ]),
        )
        .optional(),
      networkVolumeTypes: z.array(z.enum(['STANDARD', 'HIGH_PERFORMANCE'])).optional(),
      compliance: z
        .array(
          z.enum([
            'GDPR',
            'ISO_IEC_27001',
            'ISO_14001',
            'PCI_DSS',
            'HITRUST',
            'SOC_1_TYPE_2',
            'SOC_2_TYPE_2',
            'SOC_3_TYPE_2',
            'ITAR',
            'FISMA_HIGH',
            'HIPAA',
            'RENEWABLE',
          ]),
        )
        .optional(),
      globalNetwork: z.boolean().optional(),
    },
  },
  'list-delegations': {
    title: 'List ECR delegations',
    description: 'AWS ECR repositories that Runpod may pull from.',
    hints: read,
    args: {},
  },
  'list-endpoint-billing': {
    title: 'List endpoint billing',
    description: 'Spend on public endpoints.',
    hints: read,
    args: buckets,
  },
  'list-gpu-types': {
    title: 'List GPU types',
    description:
      'GPU types with stock, best first. `id` is for create-pod, `pool` for create-endpoint. Per data centre: get-gpu-type.',
    hints: read,
    args: gpuFilters,
  },
  'list-network-volume-billing': {
    title: 'List volume billing',
    description: 'Spend on network volumes.',
    hints: read,
    args: {
      ...buckets,
      networkVolumeId: z.string().optional(),
    },
  },
  'list-network-volumes': {
    title: 'List network volumes',
    description: 'Your network volumes.',
    hints: read,
    args: {},
  },
  'list-pod-billing': {
    title: 'List pod billing',
    description: 'What pods cost, by bucket of time.',
    hints: read,
    args: {
      ...buckets,
      podId: z.string().optional(),
    },
  },
  'list-public-templates': {
    title: 'List public templates',
    description: 'Templates of Runpod and of others.',
    hints: read,
    args: { source: z.enum(['official', 'verified', 'community']).default('official') },
  },
  'list-registries': {
    title: 'List registry credentials',
    description: 'Saved credentials of container registries.',
    hints: read,
    args: {},
  },
  'list-serverless-billing': {
    title: 'List serverless billing',
    description: 'Spend on serverless endpoints.',
    hints: read,
    args: {
      ...buckets,
      serverlessId: z.string().optional(),
    },
  },
  'revoke-delegation': {
    title: 'Revoke ECR delegation',
    description: 'Take that right back.',
    hints: destroy,
    args: byId,
  },
  'update-cluster': {
    title: 'Update cluster',
    description: 'Give a cluster another name.',
    hints: change,
    args: { id: z.string(), body: body('name') },
  },
  'update-network-volume': {
    title: 'Update network volume',
    description: 'Rename a volume or make it larger.',
    hints: change,
    args: { id: z.string(), body: body('name, size >=10 <=4096') },
  },
  'update-ssh-keys': {
    title: 'Update SSH keys',
    description: 'Replace all public keys of the account.',
    hints: change,
    args: { body: body('keys* []') },
  },
  'update-template': {
    title: 'Update template',
    description: 'Change a template; what is left out stays.',
    hints: change,
    args: {
      id: z.string(),
      body: body(
        'args, disk >=1, env {}, image, ports [], registry, allowedCudaVersions [], category CPU|NVIDIA|AMD, mounts {persistent {size* >=10, path*}}, name, public bool, serverless bool, startJupyter bool, startSsh bool',
      ),
    },
  },
};
