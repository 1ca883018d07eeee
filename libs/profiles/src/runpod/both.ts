/** Rows that are the same in both editions of Runpod's own server. */
import { z } from 'zod';
import { change, cuda, id, make, paged, type Row, read } from './row.ts';

export const getCapacity: Row = {
  title: 'Get GPU capacity by CUDA version',
  description:
    'Which GPUs are free on hosts of which CUDA version; with cudaVersions also stock and price of each. Tells a lack of machines from a version that none has.',
  hints: read,
  args: {
    ...paged,
    cudaVersions: z.array(cuda).min(1).max(12).describe('e.g. 12.8').optional(),
    includeUnavailable: z.boolean().describe('false: only what is in stock').optional(),
    gpuTypeIds: z.array(z.string()).describe('From list-gpu-types').optional(),
    gpuCount: z.int().min(1).max(8).optional(),
    secureCloudOnly: z.boolean().optional(),
  },
};

export const listHubRepos: Row = {
  title: 'List Hub repos',
  description: 'Ready-made serverless workers and pod templates of the Runpod Hub, most deployed first.',
  hints: read,
  args: {
    ...paged,
    searchTerm: z.string().describe('Part of a name').optional(),
    category: z.string().optional(),
    type: z.enum(['SERVERLESS', 'POD']).optional(),
    repoOwner: z.string().optional(),
    includeConfig: z.boolean().optional(),
  },
};

export const listPublicEndpoints: Row = {
  title: 'List public endpoints',
  description: 'Managed models that are paid by use and need no deployment; call one with run-endpoint.',
  hints: read,
  args: {
    ...paged,
    searchTerm: z.string().describe('Part of a name').optional(),
    modality: z.string().describe('e.g. image').optional(),
    owner: z.string().optional(),
    includeOffline: z.boolean().optional(),
  },
};

/** Of jobs, from their stream to the emptying of a queue. */
export const jobRows: Readonly<Record<string, Row>> = {
  'stream-job': {
    title: 'Stream job',
    description: 'Collect what a job streams, up to 45 s over HTTP; call again for more.',
    hints: read,
    args: { endpointId: id, jobId: id },
  },
  'cancel-job': {
    title: 'Cancel job',
    description: 'Cancel a job that is queued or running.',
    hints: change,
    args: { endpointId: id, jobId: id },
  },
  'retry-job': {
    title: 'Retry job',
    description: 'Run a failed or timed-out job again, which is charged again.',
    hints: make,
    args: { endpointId: id, jobId: id },
  },
  'endpoint-health': {
    title: 'Get endpoint health',
    description: 'Counts of jobs and workers of an endpoint.',
    hints: read,
    args: { endpointId: id },
  },
  'purge-endpoint-queue': {
    title: 'Purge endpoint queue',
    description: 'Remove all jobs that wait.',
    hints: change,
    args: { endpointId: id },
  },
};
