/** The tools of edition 4 of Runpod's own server for pods, endpoints and jobs. */
import { z } from 'zod';
import { jobRows } from './both.ts';
import {
  body,
  change,
  destroy,
  id,
  jsonInput,
  make,
  outputOffset,
  paged,
  policy,
  type Row,
  read,
  s3Config,
} from './row.ts';

export const machines4: Readonly<Record<string, Row>> = {
  'list-endpoints': {
    title: 'List endpoints',
    description: 'Your serverless endpoints in brief; addresses and variables are in get-endpoint.',
    hints: read,
    args: { ...paged },
  },
  'run-endpoint': {
    title: 'Run endpoint (async)',
    description: 'Submit a job; its result is kept for 30 minutes. Follow it with get-job-status.',
    hints: make,
    args: {
      endpointId: id,
      input: jsonInput,
      webhook: z.string().describe('Told when the job ends').optional(),
      policy: policy.optional(),
      s3Config: s3Config.optional(),
    },
  },
  'runsync-endpoint': {
    title: 'Run endpoint (sync)',
    description: 'Submit a job and wait, up to 45 s over HTTP; then follow it with get-job-status.',
    hints: make,
    args: {
      endpointId: id,
      input: jsonInput,
      wait: z.number().min(1000).max(300000).describe('ms, default 90000').optional(),
      webhook: z.string().describe('Told when the job ends').optional(),
      policy: policy.optional(),
      s3Config: s3Config.optional(),
    },
  },
  'get-job-status': {
    title: 'Get job status',
    description:
      'State and output of a job. Says why one waits in its queue, and which workers are at fault.',
    hints: read,
    args: {
      endpointId: id,
      jobId: id,
      outputOffset,
      wait: z.number().min(1000).max(300000).describe('ms, default 90000').optional(),
    },
  },
  ...jobRows,
  'stream-pod-logs': {
    title: 'Read pod logs',
    description: 'A bounded look at the live log of a pod, up to 256 KB.',
    hints: read,
    args: {
      podId: z.string(),
      source: z.enum(['container', 'system', 'both']).optional(),
      tail: z.int().min(0).max(5000).describe('Lines, default 100').optional(),
      since: z.string().describe('RFC 3339').optional(),
      maxWaitMs: z.int().min(500).max(30000).describe('Default 5000').optional(),
    },
  },
  'stream-worker-logs': {
    title: 'Read worker logs',
    description: 'A bounded look at the live log of a worker, up to 256 KB.',
    hints: read,
    args: {
      endpointId: z.string(),
      workerId: z.string(),
      source: z.enum(['container', 'system', 'both']).optional(),
      tail: z.int().min(0).max(5000).describe('Lines, default 100').optional(),
      since: z.string().describe('RFC 3339').optional(),
      maxWaitMs: z.int().min(500).max(30000).describe('Default 5000').optional(),
    },
  },
  'set-endpoint-gpus': {
    title: 'Set endpoint GPUs',
    description: 'Choose the GPU pools of an endpoint and leave single types out.',
    hints: change,
    args: {
      endpointId: z.string(),
      gpuIds: z.string().describe('"POOL,-GPU type", e.g. "ADA_24"').optional(),
      pools: z.array(z.string()).describe('e.g. AMPERE_16').optional(),
      excludeGpuTypeIds: z.array(z.string()).describe('Types to leave out').optional(),
      gpuCount: z.int().min(1).optional(),
      minCudaVersion: z.string().describe('e.g. 12.4').optional(),
      allowedCudaVersions: z.string().describe('e.g. 12.8').optional(),
    },
  },
  'create-endpoint': {
    title: 'Create endpoint',
    description:
      'Make a serverless endpoint. Workers are billed while they run; workers.min 0 scales to none.',
    hints: make,
    args: {
      body: body(
        'args, disk >=1, env {}, image, ports [], registry, gpu {pools* [], excludedTypes [], count >=1, allowedCudaVersions [], minCudaVersion}, name*, scaling* {type* QUEUE_DELAY, queueDelay* >=0.5} or {type* REQUEST_COUNT, requestCount* >=1}, type* QUEUE|LOAD_BALANCER, cpu [{id*, vcpuCount* >=2}], dataCenterIds [], flashboot OFF|FLASHBOOT|PRIORITY_FLASHBOOT, networkVolumes [], templateId, timeout number, workers {min >=0, max >=0, idleTimeout >=1 <=3600}',
      ),
    },
  },
  'create-pod': {
    title: 'Create pod',
    description: 'Make a pod, billed until it is deleted or terminated.',
    hints: make,
    args: {
      body: body(
        'args, disk >=1, env {}, image, ports [], registry, name*, cloud SECURE|COMMUNITY, cpu {id*, vcpuCount* >=2}, dataCenterIds [], globalNetworking bool, gpu {id*, count >=1, allowedCudaVersions [], minCudaVersion, minRamPerGpu >=1, minVcpuCountPerGpu >=1}, mounts {persistent {size* >=10, path*}, network [{volumeId*, path*}]}, startJupyter bool, startSsh bool, templateId',
      ),
    },
  },
  'delete-endpoint': {
    title: 'Delete endpoint',
    description: 'Delete an endpoint for good.',
    hints: destroy,
    args: { id: z.string() },
  },
  'delete-pod': {
    title: 'Delete pod',
    description: 'Delete a pod and its data for good.',
    hints: destroy,
    args: { id: z.string() },
  },
  'get-endpoint': {
    title: 'Get endpoint',
    description: 'One serverless endpoint by id.',
    hints: read,
    args: { id: z.string() },
  },
  'get-endpoint-build': {
    title: 'Get endpoint build',
    description: 'One build of an endpoint.',
    hints: read,
    args: { id: z.string(), buildId: z.string() },
  },
  'get-pod': {
    title: 'Get pod',
    description: 'One pod by its id, whole.',
    hints: read,
    args: { id: z.string() },
  },
  'list-cluster-pods': {
    title: 'List cluster pods',
    description: 'The pods of one cluster.',
    hints: read,
    args: { id: z.string() },
  },
  'list-endpoint-builds': {
    title: 'List endpoint builds',
    description: 'Builds of an endpoint that is made from a repository.',
    hints: read,
    args: { id: z.string() },
  },
  'list-endpoint-releases': {
    title: 'List endpoint releases',
    description: 'Releases of an endpoint and how far the newest is rolled out.',
    hints: read,
    args: { id: z.string() },
  },
  'list-endpoint-workers': {
    title: 'List endpoint workers',
    description: 'Workers of an endpoint with their states, and a summary.',
    hints: read,
    args: { id: z.string() },
  },
  'list-pods': {
    title: 'List pods',
    description: 'Your pods, running and stopped.',
    hints: read,
    args: { includeClusterPods: z.boolean().default(false) },
  },
  'pod-action': {
    title: 'Act on a pod',
    description: 'start, stop, restart or terminate a pod.',
    hints: destroy,
    args: { id: z.string(), body: body('action* start|stop|restart|terminate') },
  },
  'update-endpoint': {
    title: 'Update endpoint',
    description:
      'Change an endpoint; what is left out stays. New pools drop excluded GPU types: see set-endpoint-gpus.',
    hints: change,
    args: {
      id: z.string(),
      body: body(
        'args, disk >=1, env {}, image, ports [], registry, cpu [{id*, vcpuCount* >=2}], dataCenterIds [], flashboot OFF|FLASHBOOT|PRIORITY_FLASHBOOT, gpu {pools [], excludedTypes [], count >=1, allowedCudaVersions [], minCudaVersion}, name, networkVolumes [], scaling {type* QUEUE_DELAY, queueDelay* >=0.5} or {type* REQUEST_COUNT, requestCount* >=1}, templateId, timeout number, workers {min >=0, max >=0, idleTimeout >=1 <=3600}',
      ),
    },
  },
  'update-pod': {
    title: 'Update pod',
    description: 'Change a pod; what is left out stays. A volume needs both size and path on',
    hints: change,
    args: {
      id: z.string(),
      body: body(
        'args, disk >=1, env {}, image, ports [], registry, globalNetworking bool, locked bool, mounts {persistent {size* >=10, path*}, network [{volumeId*, path*}]}, name, templateId',
      ),
    },
  },
};
