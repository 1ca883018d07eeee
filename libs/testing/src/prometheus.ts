// Prometheus of this machine, which reads metrics every half second and evaluates rules as often, and Victoria Metrics in its place.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { requireBinary } from './binaries.ts';
import { type LocalServer, startLocalServer } from './local-server.ts';

export interface PrometheusPlan {
  /** Addresses with /metrics, such as 127.0.0.1:9464. */
  targets: readonly string[];
  /** A file with rules. */
  rules: string;
}

/** What checks rules and tests them. */
export function requirePromtool(): Promise<string> {
  return requireBinary('promtool');
}

export async function startPrometheus({ targets, rules }: PrometheusPlan): Promise<LocalServer> {
  const program = await requireBinary('prometheus');
  const config = `global: { scrape_interval: 500ms, scrape_timeout: 400ms, evaluation_interval: 500ms }
rule_files: [${JSON.stringify(rules)}]
scrape_configs:
  - { job_name: inferry, static_configs: [{ targets: ${JSON.stringify(targets)} }] }
`;
  return startLocalServer({
    name: 'prometheus',
    command: () => program,
    args: ({ port, data }) => [
      `--config.file=${join(data, 'prometheus.yml')}`,
      `--storage.tsdb.path=${join(data, 'tsdb')}`,
      `--web.listen-address=127.0.0.1:${port}`,
      '--enable-feature=exemplar-storage',
      '--log.level=warn',
    ],
    prepare: (data) => writeFile(join(data, 'prometheus.yml'), config),
    stopSignal: 'SIGTERM',
    isReady: async (port) => {
      const response = await fetch(`http://127.0.0.1:${port}/-/ready`).catch(() => undefined);
      await response?.body?.cancel();
      return response?.status === 200;
    },
    toUrl: (port) => `http://127.0.0.1:${port}`,
  });
}

/** Asked like Prometheus, by the configuration that Prometheus has; a process beside it evaluates the rules, as in Compose. */
export async function startVictoriaMetrics(plan: PrometheusPlan): Promise<Pick<LocalServer, 'url' | 'stop'>> {
  const [program, alerting] = await Promise.all([
    requireBinary('victoria-metrics'),
    requireBinary('vmalert'),
  ]);
  const config = `global: { scrape_interval: 1s }
rule_files: [rules.yaml]
scrape_configs:
  - { job_name: inferry, static_configs: [{ targets: ${JSON.stringify(plan.targets)} }] }
`;
  const asked = {
    stopSignal: 'SIGTERM',
    isReady: async (port: number) => {
      const response = await fetch(`http://127.0.0.1:${port}/health`).catch(() => undefined);
      await response?.body?.cancel();
      return response?.status === 200;
    },
    toUrl: (port: number) => `http://127.0.0.1:${port}`,
  } as const;
  const store = await startLocalServer({
    ...asked,
    name: 'victoria-metrics',
    command: () => program,
    args: ({ port, data }) => [
      `-storageDataPath=${join(data, 'storage')}`,
      `-httpListenAddr=127.0.0.1:${port}`,
      `-promscrape.config=${join(data, 'prometheus.yml')}`,
      '-promscrape.config.strictParse=false',
      '-search.latencyOffset=1s',
      '-loggerLevel=ERROR',
    ],
    prepare: (data) => writeFile(join(data, 'prometheus.yml'), config),
  });
  const rules = await startLocalServer({
    ...asked,
    name: 'vmalert',
    command: () => alerting,
    args: ({ port }) => [
      `-rule=${plan.rules}`,
      `-httpListenAddr=127.0.0.1:${port}`,
      ...['datasource', 'remoteWrite', 'remoteRead'].map((way) => `-${way}.url=${store.url}`),
      // Nobody is told: this version has no other word for it.
      '-notifier.url=http://127.0.0.1:9',
      '-evaluationInterval=1s',
      '-remoteWrite.flushInterval=1s',
      '-loggerLevel=FATAL',
    ],
  }).catch(async (error: unknown) => {
    await store.stop();
    throw error;
  });
  return {
    url: store.url,
    async stop() {
      await Promise.all([rules.stop(), store.stop()]);
    },
  };
}
