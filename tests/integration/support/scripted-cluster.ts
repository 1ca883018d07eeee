import { type Cluster, startCluster } from '@inferry/cli';
import { type ScriptedUpstream, startScriptedUpstream } from '@inferry/testing/scripted-upstream';

export interface ScriptedClusterOptions {
  replicas: number;
  auth: 'none' | 'keys';
  /** Beside what the scripted platform needs. */
  env?: Record<string, string>;
  /** The environment of one process. */
  adapt?: Parameters<typeof startCluster>[0]['adapt'];
}

export interface ScriptedCluster {
  cluster: Cluster;
  upstream: ScriptedUpstream;
  stop(): Promise<void>;
}

/** The system in processes of its own, on real servers, with a platform that does what a test tells it. */
export async function startScriptedCluster({
  replicas,
  auth,
  env = {},
  adapt,
}: ScriptedClusterOptions): Promise<ScriptedCluster> {
  const upstream = await startScriptedUpstream();
  const cluster = await startCluster({
    ...{ replicas, auth, port: 0 },
    env: {
      PATH: process.env.PATH,
      INFERRY_EXTRA_PROVIDERS: '@inferry/testing/scripted-provider',
      SCRIPTED_UPSTREAM_URL: upstream.url,
      LOG_LEVEL: 'warn',
      ...env,
    },
    ...(adapt === undefined ? {} : { adapt }),
    onLine: () => undefined,
  });
  const stop = async () => {
    await cluster.stop();
    await upstream.close();
  };
  try {
    await cluster.ready(90_000);
  } catch (error) {
    await stop();
    throw error;
  }
  return { cluster, upstream, stop };
}

/** What lets a test ask as often as it likes. */
export const unlimited = { RATE_LIMIT_CREDENTIAL: '1000000', RATE_LIMIT_IP_POST_AUTH: '1000000' };
