// The chart in a real cluster (deploy/trials/cluster.sh): installed by Helm, rolled, killed and rolled back under load; a further argument
// is a part of what alone is to happen.
import { execFile } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { requireKubernetesTools } from '@inferry/testing';
import { parseAllDocuments, stringify } from 'yaml';
import { runDemo, startLoad, told } from './load.ts';
import type { Placement } from './play.ts';

const run = promisify(execFile);
const root = join(import.meta.dirname, '../..');
const services = ['auth', 'catalog', 'upload', 'inference-poller', 'compute', 'mcp-gateway'];

interface Listed {
  metadata: { name: string };
  spec: { clusterIP?: string };
  status: { conditions?: { type: string; status: string }[] };
}

interface Cluster {
  /** As it was when this began, whatever is edited meanwhile. */
  chart: string;
  helm(...args: string[]): Promise<string>;
  kubectl(...args: string[]): Promise<string>;
  /** A command as a person types it, with kubectl on its path. */
  shell(command: string): Promise<string>;
  list(kind: string): Promise<Listed[]>;
  say(line: string): void;
}

export async function tryCluster({ folder, say }: Placement): Promise<boolean> {
  const script = join(root, 'deploy/trials/cluster.sh');
  await run(script, ['build'], { maxBuffer: 50e6 });
  if (process.env.KEEP === undefined) await run(script, ['start']);
  const cluster = await openCluster(folder, say);
  try {
    const values = ['-f', join(cluster.chart, 'examples/trial.yaml'), '-f', await ownValues(folder)];
    const url = await installed(cluster, folder, values);
    const key = await keyByNotes(cluster);
    await runDemo(url, key);
    say('the demo went through, by a Service');
    const failed = await underLoad(cluster, { url, key, values });
    if (process.argv[3] === undefined) await dryRuns(cluster);
    return failed === 0;
  } finally {
    if (process.env.KEEP === undefined) {
      await cluster.helm('uninstall', 'inferry').catch(() => '');
      await cluster.kubectl('delete', 'pods', '--all', '--force', '--grace-period=0').catch(() => '');
      await run(script, ['stop']);
    }
  }
}

/** Its address, which is known once the Service is there. A cluster that was kept has it installed already. */
async function installed(cluster: Cluster, folder: string, values: readonly string[]): Promise<string> {
  const isNew = (await cluster.list('deployments')).length === 0;
  const since = performance.now();
  if (isNew) {
    await makeVolumes(cluster, folder);
    // Its hook waits for Postgres, whose name is known once its Service is there.
    const installing = cluster.helm('install', 'inferry', cluster.chart, ...values, '--timeout', '8m');
    let isOver = false;
    void installing.finally(() => {
      isOver = true;
    });
    while (!isOver && (await cluster.list('services')).length < 10) await sleep(1_000);
    await nameServices(cluster, folder);
    await installing;
    const pods = await untilReady(cluster);
    cluster.say(`${pods} pods are ready ${seconds(since)} s after helm install`);
  }
  const url = `http://${(await cluster.list('services')).find(isFront)?.spec.clusterIP}:8080`;
  if (isNew)
    await rolled(cluster, 'upgrade', ['inferry', cluster.chart, ...values, '--set', `publicUrl=${url}`]);
  return url;
}

const isFront = ({ metadata }: Listed) => metadata.name === 'inferry-front';
const seconds = (since: number) => ((performance.now() - since) / 1_000).toFixed(1);

async function openCluster(folder: string, say: (line: string) => void): Promise<Cluster> {
  const { helm, kubectl } = await requireKubernetesTools();
  const env = { ...process.env, KUBECONFIG: join(folder, 'cluster/kubeconfig') };
  const by =
    (program: string) =>
    async (...args: string[]) =>
      (await run(program, args, { env, maxBuffer: 50e6, timeout: 480_000 })).stdout;
  const ask = by(kubectl);
  // as: what the API server answers for the kinds that are asked for.
  const list = async (kind: string) =>
    (JSON.parse(await ask('get', kind, '-o', 'json')) as { items: Listed[] }).items;
  const typed = { ...env, PATH: `${join(kubectl, '..')}:${process.env.PATH}` };
  const shell = async (command: string) =>
    (await run('sh', ['-c', command], { env: typed, timeout: 400_000 })).stdout;
  const chart = join(folder, 'cluster/chart');
  cpSync(join(root, 'deploy/chart'), chart, { recursive: true });
  return { chart, helm: by(helm), kubectl: ask, shell, list, say };
}

/** There is no DNS in this cluster: a small server outside answers what stands in a file for each Service, which keeps its address. */
async function nameServices({ list }: Cluster, folder: string): Promise<void> {
  for (const { metadata, spec } of await list('services'))
    if (spec.clusterIP !== 'None')
      writeFileSync(
        join(folder, 'cluster/names', metadata.name),
        `${spec.clusterIP} ${metadata.name}.default.svc.cluster.local\n`,
      );
}

/** There is no provisioner either: folders of the node, one for files and one for Postgres. */
async function makeVolumes({ kubectl }: Cluster, folder: string): Promise<void> {
  for (const [name, mode] of [
    ['blobs', 'ReadWriteMany'],
    ['postgres', 'ReadWriteOnce'],
  ] as const) {
    const path = join(folder, 'cluster/volumes', `${name}-${Date.now()}`);
    mkdirSync(path, { recursive: true });
    chmodSync(path, 0o777);
    const volume = {
      apiVersion: 'v1',
      kind: 'PersistentVolume',
      metadata: { name: `${name}-${Date.now()}` },
      spec: { accessModes: [mode], capacity: { storage: '20Gi' }, storageClassName: '', hostPath: { path } },
    };
    const file = join(folder, 'cluster/volume.yaml');
    writeFileSync(file, stringify(volume));
    await kubectl('apply', '-f', file);
  }
}

async function ownValues(folder: string): Promise<string> {
  const file = join(folder, 'cluster/values.yaml');
  writeFileSync(
    file,
    stringify({ services: { upload: { replicas: 2 } }, blobs: { accessMode: 'ReadWriteMany' } }),
  );
  return file;
}

/** Answers how many there are once every pod is ready and none is going. */
async function untilReady({ list, kubectl }: Cluster): Promise<number> {
  const workloads = ['deployments', 'statefulsets'];
  for (const kind of workloads)
    for (const { metadata } of await list(kind))
      await kubectl('rollout', 'status', `${kind}/${metadata.name}`, '--timeout=420s');
  return (await list('pods')).filter(({ status }) =>
    status.conditions?.some((condition) => condition.type === 'Ready' && condition.status === 'True'),
  ).length;
}

async function rolled(cluster: Cluster, what: string, args: readonly string[]): Promise<void> {
  await cluster.helm(what, ...args, '--timeout', '6m');
  await untilReady(cluster);
}

/** The command that the notes of the release print, as they print it. */
async function keyByNotes({ helm, shell }: Cluster): Promise<string> {
  const notes = await helm('get', 'notes', 'inferry');
  const command =
    /^ {2}kubectl [^\n]*run inferry-keys[\s\S]*?delete pod inferry-keys$/m.exec(notes)?.[0] ?? '';
  const stdout = await shell(command);
  const key = /ifr_[\w-]+/.exec(stdout)?.[0];
  if (key === undefined) throw new Error(`no key: ${stdout}`);
  return key;
}

interface Loaded {
  url: string;
  key: string;
  values: readonly string[];
}

/** How many runs were lost: calls that a killed pod held are counted and told, and refused to nobody's harm. */
async function underLoad(cluster: Cluster, { url, key, values }: Loaded): Promise<number> {
  const { chart, kubectl, helm, list, say } = cluster;
  let lost = 0;
  const only = process.argv[3] ?? '';
  const during = async (what: string, act: () => Promise<void>) => {
    if (!what.includes(only)) return;
    const since = performance.now();
    const load = startLoad(url, key);
    await sleep(3_000);
    await act();
    await untilReady(cluster);
    const took = seconds(since);
    await sleep(3_000);
    const report = await load.stop();
    say(told(`${what}, ${took} s`, report));
    lost += report.runs - report.succeeded;
  };
  await during('every service rolled, one after the other', async () => {
    for (const name of services) {
      await kubectl('rollout', 'restart', `deployment/inferry-${name}`);
      await kubectl('rollout', 'status', `deployment/inferry-${name}`, '--timeout=300s');
    }
  });
  await during('every service rolled at once', async () => {
    for (const name of services) await kubectl('rollout', 'restart', `deployment/inferry-${name}`);
  });
  await during('one pod of each service gone without a word', async () => {
    const pods = (await list('pods')).map(({ metadata }) => metadata.name);
    const one = services.map((name) => pods.find((pod) => pod.startsWith(`inferry-${name}-`)) ?? '');
    await kubectl('delete', 'pods', '--force', '--grace-period=0', ...one.filter((pod) => pod !== ''));
  });
  await during('helm upgrade', async () => {
    await helm(
      'upgrade',
      'inferry',
      chart,
      ...values,
      '--set',
      `publicUrl=${url},logLevel=warn`,
      '--timeout',
      '6m',
    );
  });
  await during('helm rollback', async () => {
    await helm('rollback', 'inferry', '--timeout', '6m');
  });
  await during(
    'helm upgrade that changes what users of NATS may do, which its server reads again',
    async () => {
      const before = await natsPod(cluster);
      const file = join(chart, 'files/nats.conf');
      const further = '            "events.v1.trial.further"\n';
      writeFileSync(file, readFileSync(file, 'utf8').replaceAll(/allow: \[\n/g, `$&${further}`));
      const set = ['--set', `publicUrl=${url}`, '--timeout', '6m'];
      await helm('upgrade', 'inferry', chart, ...values, ...set);
      const since = performance.now();
      while (!(await kubectl('logs', before, '-c', 'nats')).includes('Reloaded server configuration')) {
        if (performance.now() - since > 180_000) throw new Error('NATS did not read its users again');
        await sleep(1_000);
      }
      if ((await natsPod(cluster)) !== before) throw new Error('NATS was replaced');
      say(`NATS had read its users again ${seconds(since)} s after helm upgrade returned`);
    },
  );
  return lost;
}

async function natsPod({ list }: Cluster): Promise<string> {
  const names = (await list('pods')).map(({ metadata }) => metadata.name);
  return names.find((name) => name.startsWith('inferry-nats-')) ?? '';
}

/** Every set of values as the API server takes it; what this one does not know, by kind and version, is told. */
async function dryRuns({ chart, helm, kubectl, say }: Cluster): Promise<void> {
  const known = new Set((await kubectl('api-versions')).split('\n'));
  const examples = readdirSync(join(chart, 'examples')).map((file) => ['-f', join(chart, 'examples', file)]);
  const sets = [[], ...examples].map((args) => [
    'template',
    'dry',
    chart,
    '--kube-version',
    '1.20.2',
    ...args,
  ]);
  const rendered = await Promise.all(sets.map((args) => helm(...args)));
  rendered.push(await kubectl('kustomize', join(root, 'deploy/kustomize/base')));
  const unknown = new Set<string>();
  let taken = 0;
  for (const text of rendered) {
    // as: Helm prints manifests.
    const manifests = parseAllDocuments(text).map(
      (it) => it.toJS() as { apiVersion: string; kind: string } | null,
    );
    for (const manifest of manifests) {
      if (manifest === null) continue;
      if (!known.has(manifest.apiVersion)) {
        unknown.add(`${manifest.kind} ${manifest.apiVersion}`);
        continue;
      }
      await dryRun(kubectl, manifest);
      taken += 1;
    }
  }
  say(
    `${taken} manifests of ${rendered.length} sets pass a dry run by the server; not known to it: ${[...unknown].sort().join(', ')}`,
  );
}

async function dryRun(kubectl: Cluster['kubectl'], manifest: unknown): Promise<void> {
  const file = join(process.env.TRIAL_FOLDER ?? '', 'cluster/dry.json');
  writeFileSync(file, JSON.stringify(manifest));
  await kubectl('apply', '--dry-run=server', '-f', file);
}
