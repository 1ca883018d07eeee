import { edgeWorkloads, overLimit, runpodCall, type Workload, workloads } from './workloads.ts';

/** What must run beside a server. */
export interface Outside {
  natsUrl: string;
  redisUrl: string;
  platformUrl: string;
  folder: string;
}

export interface Target {
  name: string;
  label: string;
  /** A module of this package, or the specifier of one of ours. */
  entry: string;
  workloads: readonly Workload[];
  /** Left out of a quick run. */
  isExtra?: boolean;
  env?(outside: Outside): Record<string, string>;
}

const only = (...names: string[]) => workloads.filter(({ name }) => names.includes(name));
const legacy = only('initialize', 'list', 'quick_call', 'progress_call');
const nats = ({ natsUrl }: Outside) => ({ NATS_URL: natsUrl });
const secret = 'bench-bench-bench-bench-bench-bench-bench';

/** Our gateway with everything on; its limits raised so far that they count each request and refuse none. */
function gatewayEnv(outside: Outside): Record<string, string> {
  return {
    ...serviceEnv(outside),
    INFERRY_AUTH: 'keys',
    PROFILES: 'modelrunner',
    RATE_LIMIT_CREDENTIAL: '1000000',
    RATE_LIMIT_IP_PRE_AUTH: '1000000',
    RATE_LIMIT_IP_POST_AUTH: '1000000',
    MAX_OPEN_CALLS_CREDENTIAL: '1000000',
  };
}

/** What one of our services needs to run alone. */
export function serviceEnv({ natsUrl, redisUrl, folder }: Outside): Record<string, string> {
  return {
    NATS_URL: natsUrl,
    REDIS_URL: redisUrl,
    DATABASE_URL: `sqlite:${folder}/bench.sqlite`,
    BLOBS_FOLDER: `${folder}/blobs`,
    INFERRY_SECRET: secret,
    HOST: '127.0.0.1',
    PORT: '0',
    LOG_LEVEL: 'info',
  };
}

export const gateway: Target = {
  name: 'ours',
  label: 'Inferry gateway, tools behind NATS, everything on',
  entry: '@inferry/mcp-gateway/main',
  workloads: [...workloads, ...edgeWorkloads],
  env: gatewayEnv,
};

export const targets: readonly Target[] = [
  gateway,
  {
    name: 'ours_embedded',
    label: 'Inferry gateway, tools in its process, loopback',
    entry: './servers/embedded.ts',
    workloads,
  },
  { name: 'l0', label: 'L0 node:net, a small HTTP reader, fixed body', entry: './servers/l0.ts', workloads },
  { name: 'l1', label: 'L1 raw Fastify, fixed body', entry: './servers/l1.ts', workloads },
  {
    name: 'l2',
    label: 'L2 raw Fastify + NATS request()',
    entry: './servers/l2.ts',
    workloads,
    env: (outside) => ({ ...nats(outside), KIND: 'request' }),
  },
  {
    name: 'l2m',
    label: 'L2m raw Fastify + NATS, own reply map',
    entry: './servers/l2.ts',
    workloads,
    env: (outside) => ({ ...nats(outside), KIND: 'map' }),
  },
  { name: 'sdk_v2', label: 'SDK v2 McpServer', entry: './servers/sdk-v2.ts', workloads },
  {
    name: 'sdk_v2_low',
    label: 'SDK v2 low-level Server, fixed list',
    entry: './servers/sdk-v2-low.ts',
    workloads,
    isExtra: true,
  },
  {
    name: 'sdk_v1',
    label: 'SDK v1 McpServer',
    entry: './servers/sdk-v1.ts',
    workloads: legacy,
    isExtra: true,
  },
  { name: 'tmcp', label: 'tmcp', entry: './servers/tmcp.ts', workloads: legacy, isExtra: true },
  {
    name: 'runpod_mcp',
    label: 'runpod-mcp (54 tools of its own; its call makes one GET)',
    entry: './servers/runpod.ts',
    workloads: [...only('initialize', 'list'), runpodCall],
    isExtra: true,
    env: ({ platformUrl }) => ({
      MCP_SKIP_CREDENTIAL_CHECK: 'true',
      RUNPOD_API_BASE_URL: platformUrl,
      RUNPOD_SERVERLESS_API_URL: platformUrl,
      RUNPOD_PUBLIC_GRAPHQL_URL: platformUrl,
      RUNPOD_AUTHED_GRAPHQL_URL: platformUrl,
    }),
  },
  {
    name: 'ours_over_limit',
    label: 'Inferry gateway whose window is used up',
    entry: '@inferry/mcp-gateway/main',
    workloads: [overLimit],
    env: (outside) => ({ ...gatewayEnv(outside), RATE_LIMIT_CREDENTIAL: '1' }),
  },
];
