// Prometheus of this machine, which reads metrics every half second and evaluates rules as often.
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
