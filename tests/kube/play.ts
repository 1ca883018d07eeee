// The chart's pods by `podman kube play`, each as the chart renders it, with the project's images and real stores.
import { execFile } from 'node:child_process';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { requireKubernetesTools } from '@inferry/testing';
import { runDemo, startLoad, told } from './load.ts';
import { type PlayedPod, playedPods } from './play-manifests.ts';

const run = promisify(execFile);
const root = join(import.meta.dirname, '../..');
const subnet = '10.98.77';
const network = 'inferry-play';
const patienceMs = 180_000;

export interface Placement {
  /** Where the trials keep what they unpack and store. */
  folder: string;
  say(line: string): void;
}

export async function tryKubePlay({ folder, say }: Placement): Promise<boolean> {
  const home = join(folder, 'podman');
  await mkdir(home, { recursive: true });
  const podman = await openPodman(folder, home);
  await removeAll(podman);
  const since = performance.now();
  const seconds = () => ((performance.now() - since) / 1_000).toFixed(1);
  try {
    await podman('network', 'create', '--subnet', `${subnet}.0/24`, network);
    const front = `http://${subnet}.254:8080`;
    const { pods, secrets } = playedPods(await renderChart(front), subnet);
    for (const { name, json } of secrets) {
      await writeFile(join(home, 'secret.json'), json, { mode: 0o600 });
      await podman('secret', 'create', name, join(home, 'secret.json'));
      await rm(join(home, 'secret.json'));
    }
    for (const pod of pods) {
      await writeFile(join(home, 'pod.yaml'), pod.yaml);
      // An address of the link goes with it: with another one after a restart, neighbours ask the old one for half a minute.
      const link = `02:00:0a:62:4d:${Number(pod.address.split('.')[3]).toString(16).padStart(2, '0')}`;
      const placed = ['--network', network, '--ip', pod.address, '--mac-address', link];
      await podman('kube', 'play', ...placed, join(home, 'pod.yaml'));
      if (pod.name.endsWith('-postgres')) await untilStoresAnswer(podman);
    }
    await untilReady(pods);
    say(`${pods.length} pods are ready after ${seconds()} s`);
    const url = `http://${pods.at(-1)?.address}:8080`;
    const key = await createKey(podman, pods, secrets[0]?.json ?? '{}');
    say(await hardening(podman));
    await runDemo(url, key);
    say('the demo went through');
    return await killPods({ folder, say }, podman, { url, key, pods });
  } finally {
    if (process.env.KEEP === undefined) await removeAll(podman);
  }
}

type Podman = (...args: string[]) => Promise<string>;

/** Limits below those of this process, since it may not raise them; cgroups by files, since there is no systemd. */
async function openPodman(folder: string, home: string): Promise<Podman> {
  const tools = join(folder, 'tools/usr');
  const config = join(home, 'containers.conf');
  await writeFile(
    config,
    `[containers]
default_ulimits=["nofile=20000:20000","nproc=30000:30000"]
[network]
network_backend="netavark"
network_config_dir="${home}/networks"
[engine]
runtime="runc"
cgroup_manager="cgroupfs"
events_logger="file"
helper_binaries_dir=["${tools}/lib/podman","${tools}/libexec/podman"]
`,
  );
  const options = ['--root', `${home}/storage`, '--runroot', `${home}/run`, '--tmpdir', `${home}/tmp`];
  const env: NodeJS.ProcessEnv = { ...process.env, CONTAINERS_CONF: config };
  delete env.DOCKER_CONFIG;
  return async (...args) => {
    const all = [...options, '--storage-driver', 'overlay', ...args];
    const { stdout } = await run('podman', all, { env, maxBuffer: 50e6, timeout: 240_000 });
    return stdout.trim();
  };
}

async function removeAll(podman: Podman): Promise<void> {
  await podman('pod', 'rm', '-fa', '-t', '2');
  await podman('secret', 'rm', '-a');
  await podman('volume', 'rm', '-fa');
  await podman('network', 'rm', '-f', network);
}

async function renderChart(publicUrl: string): Promise<string> {
  const { helm } = await requireKubernetesTools();
  const chart = join(root, 'deploy/chart');
  const values = ['--set', `networkPolicy.enabled=false,migration.enabled=false,publicUrl=${publicUrl}`];
  const args = ['template', 'inferry', chart, '-f', join(chart, 'examples/trial.yaml'), ...values];
  return (await run(helm, args, { maxBuffer: 50e6 })).stdout;
}

/** Podman 4.3 asks no readiness probe: what they would ask is asked here. */
async function untilReady(pods: readonly PlayedPod[]): Promise<void> {
  const asked = pods.filter(({ name }) => !/-(nats|redis|postgres)$/.test(name));
  for (const { name, address } of asked) {
    const path = name.endsWith('-front') ? '/healthz' : '/readyz';
    await eventually(`${name} is not ready`, async () => (await fetch(`http://${address}:8080${path}`)).ok);
  }
}

async function untilStoresAnswer(podman: Podman): Promise<void> {
  const args = ['exec', 'inferry-postgres-postgres', 'pg_isready', '-q', '-h', '127.0.0.1', '-U', 'inferry'];
  await eventually('Postgres does not answer', async () => {
    await podman(...args);
    return true;
  });
}

async function eventually(otherwise: string, isTrue: () => Promise<boolean>): Promise<void> {
  const until = performance.now() + patienceMs;
  while (performance.now() < until) {
    if (await isTrue().catch(() => false)) return;
    await sleep(500);
  }
  throw new Error(otherwise);
}

async function createKey(podman: Podman, pods: readonly PlayedPod[], secrets: string): Promise<string> {
  const hosts = pods.map(({ name, address }) => `--add-host=${name}:${address}`);
  // as: the Secret of the chart.
  const { DATABASE_URL: encoded } = JSON.parse(secrets) as Record<string, string>;
  const database = Buffer.from(encoded ?? '', 'base64').toString();
  const args = ['run', '--rm', '--network', network, ...hosts, '-e', `DATABASE_URL=${database}`];
  const printed = await podman(...args, 'localhost/inferry/cli:0.2.0', 'keys', 'create', '--name', 'trial');
  return printed.split('\n').at(-1)?.trim() ?? '';
}

/** What the kernel says of the services' processes, whatever the manifests ask for. */
async function hardening(podman: Podman): Promise<string> {
  const names = (await podman('ps', '--format', '{{.Names}}'))
    .split('\n')
    .filter((name) => !name.endsWith('-infra'));
  const facts = await Promise.all(
    names.map(async (name) => {
      const state = await podman(
        'inspect',
        name,
        '--format',
        '{{.State.Pid}} {{.HostConfig.ReadonlyRootfs}}',
      );
      const [pid, isReadOnly] = state.split(' ');
      const { stdout } = await run('grep', [
        '-E',
        '^(Uid|CapEff|NoNewPrivs|Seccomp):',
        `/proc/${pid}/status`,
      ]);
      const [uid, capabilities, noNew, seccomp] = stdout.split('\n').map((line) => line.split(/\s+/)[1]);
      return `uid ${uid === '0' ? 0 : '>0'}, capabilities ${capabilities}, no new privileges ${noNew}, seccomp ${seccomp}, read-only ${isReadOnly}`;
    }),
  );
  return [...new Set(facts)]
    .map((fact) => `${facts.filter((it) => it === fact).length} containers: ${fact}`)
    .join('\n');
}

interface Played {
  url: string;
  key: string;
  pods: readonly PlayedPod[];
}

/** A pod at a time ends at once, as when its node does, and starts again; nothing that was begun may be lost. */
async function killPods({ say }: Placement, podman: Podman, { url, key, pods }: Played): Promise<boolean> {
  let isWhole = true;
  for (const { name } of pods) {
    // The second gateway is of the first one's kind, and none but the front takes calls.
    if (/-(front|2)$/.test(name)) continue;
    const load = startLoad(url, key);
    await sleep(4_000);
    await podman('pod', 'kill', '--signal', 'KILL', name);
    await sleep(1_000);
    await podman('pod', 'start', name);
    await untilReady(pods);
    await sleep(4_000);
    const report = await load.stop();
    say(told(`${name} killed`, report));
    isWhole &&= report.succeeded === report.runs;
  }
  return isWhole;
}
