/** The Helm chart: what it makes of six sets of values, checked against the types and schemas of Kubernetes and its extensions. */
import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { serviceNames } from '@inferry/runtime';
import { requireKubernetesTools } from '@inferry/testing';
import { beforeAll, describe, expect, it, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { chartFiles } from '../scripts/chart-files.ts';
import { renderBase } from '../scripts/kustomize-base.ts';

const run = promisify(execFile);
const root = join(import.meta.dirname, '..');
const chart = join(root, 'deploy/chart');
const read = (file: string) => readFileSync(join(root, file), 'utf8');

interface Manifest {
  apiVersion: string;
  kind: string;
  metadata: { name: string; annotations?: Record<string, string> };
}

interface Variable {
  name: string;
  value?: string;
  valueFrom?: { secretKeyRef: { name: string; key: string } };
}

interface Probe {
  exec?: unknown;
  timeoutSeconds?: number;
}

interface Port {
  protocol?: string;
}

interface Container {
  name: string;
  ports?: Port[];
  startupProbe?: Probe;
  readinessProbe?: Probe;
  livenessProbe?: Probe;
  image: string;
  env?: Variable[];
  envFrom?: { secretRef: { name: string } }[];
  securityContext: unknown;
  lifecycle?: { preStop: { exec: { command: string[] } } };
  resources: { limits: { memory?: string } };
}

interface PodSpec {
  automountServiceAccountToken: boolean;
  terminationGracePeriodSeconds?: number;
  securityContext: { runAsNonRoot: boolean };
  containers: Container[];
  volumes?: { name: string; projected?: { sources: { secret: { items: { path: string }[] } }[] } }[];
}

interface Selector {
  matchLabels: Record<string, string>;
}

interface Policy extends Manifest {
  spec: {
    podSelector: Selector;
    ingress: { ports: { port: number }[]; from: { podSelector?: Selector }[] }[];
    egress: { ports?: { port: number }[]; to?: { podSelector?: Selector }[] }[];
  };
}

interface Workload extends Manifest {
  spec: { replicas?: number; template: { spec: PodSpec } };
}

const sets: Record<string, string[]> = {
  defaults: [],
  ...Object.fromEntries(
    ['trial', 'production', 'gateway-api', 'shared-volume'].map((name) => [
      name,
      ['-f', join(chart, `examples/${name}.yaml`)],
    ]),
  ),
  old: ['--kube-version', '1.20.2', '--set', 'networkPolicy.enabled=false,monitoring.rules=configmap'],
};

let helm: string;
const rendered = new Map<string, Manifest[]>();

beforeAll(async () => {
  ({ helm } = await requireKubernetesTools());
  for (const [name, args] of Object.entries(sets)) rendered.set(name, await template(args));
}, 300_000);

async function template(args: readonly string[]): Promise<Manifest[]> {
  const { stdout } = await run(helm, ['template', 'inferry', chart, '--namespace', 'tests', ...args], {
    maxBuffer: 50e6,
  });
  return parseAllDocuments(stdout).flatMap((document) => {
    expect(document.errors).toEqual([]);
    // as: what Helm prints are manifests; an empty document is none.
    const manifest = document.toJS() as Manifest | null;
    return manifest === null ? [] : [manifest];
  });
}

async function refusal(...args: string[]): Promise<string> {
  const ended = await run(helm, ['template', 'inferry', chart, ...args], { maxBuffer: 50e6 }).then(
    () => 'it was taken',
    (error: unknown) => (error instanceof Error && 'stderr' in error ? String(error.stderr) : String(error)),
  );
  return ended;
}

function manifests(set: string): Manifest[] {
  return rendered.get(set) ?? [];
}

function workloads(set: string): Workload[] {
  const kinds = new Set(['Deployment', 'StatefulSet', 'Job']);
  // as: these kinds have a template of pods.
  return manifests(set).filter(({ kind }) => kinds.has(kind)) as Workload[];
}

function servicePorts(manifest: Manifest): Port[] {
  // as: a Service has ports.
  return (manifest as Manifest & { spec: { ports: Port[] } }).spec.ports;
}

function isPolicy(manifest: Manifest): manifest is Policy {
  return manifest.kind === 'NetworkPolicy';
}

function podOf(set: string, name: string): PodSpec {
  const found = workloads(set).find(({ metadata }) => metadata.name === `inferry-${name}`);
  if (found === undefined) throw new Error(`${set} has no ${name}`);
  return found.spec.template.spec;
}

function containerOf(set: string, name: string): Container {
  const [container] = podOf(set, name).containers;
  if (container === undefined) throw new Error(`${name} has no container`);
  return container;
}

function variablesOf(set: string, name: string): Map<string, Variable> {
  return new Map((containerOf(set, name).env ?? []).map((variable) => [variable.name, variable]));
}

/** The module with the types and the schema of a kind. */
function moduleOf({ apiVersion, kind }: Manifest): string {
  const [group = '', version] = apiVersion.includes('/') ? apiVersion.split('/') : [undefined, apiVersion];
  const owner = Object.entries({
    'keda.sh': 'keda',
    'monitoring.coreos.com': 'prometheus-operator',
    'gateway.networking.k8s.io': 'gateway-api',
    'cert-manager.io': 'cert-manager',
    'external-secrets.io': 'external-secrets',
  }).find(([name]) => name === group);
  const library = owner === undefined ? 'kubernetes-models' : `@kubernetes-models/${owner[1]}`;
  return [library, group, version, kind].filter((part) => part !== '').join('/');
}

describe('the chart', () => {
  it('has from the code the users of the bus, the secrets of services and the names of variables', () => {
    for (const [file, text] of Object.entries(chartFiles())) expect([file, read(file)]).toEqual([file, text]);
  });

  it('passes the linter with every set of values, warnings included', async () => {
    for (const args of Object.values(sets)) {
      const { stdout } = await run(helm, [
        'lint',
        chart,
        '--strict',
        '--quiet',
        ...args.filter((it) => it !== ''),
      ]);
      expect(stdout).not.toMatch(/WARNING|ERROR/);
    }
  });

  it('stays small', () => {
    expect(read('deploy/chart/values.yaml').split('\n').length).toBeLessThan(400);
  });

  it.each(Object.keys(sets))('makes manifests of %s that the schemas take', async (set) => {
    expect(manifests(set).length).toBeGreaterThan(20);
    for (const manifest of manifests(set)) {
      // as: each module exports a class by the name of its kind.
      const library = (await import(moduleOf(manifest))) as Record<
        string,
        new (
          data: unknown,
        ) => { validate(): void }
      >;
      const Model = library[manifest.kind];
      if (Model === undefined) throw new Error(`no schema of ${manifest.apiVersion} ${manifest.kind}`);
      expect(
        () => new Model(manifest).validate(),
        `${manifest.kind} ${manifest.metadata.name}`,
      ).not.toThrow();
    }
  });

  it('has no field that Kubernetes does not know', async () => {
    const all = [...rendered.values()].flat();
    const typed = [...new Set(all.map(moduleOf))];
    const lines = [
      ...typed.map(
        (module, at) => `import type { I${module.split('/').at(-1)} as T${at} } from '${module}';`,
      ),
      ...all.map(
        (manifest, at) =>
          `export const m${at}: T${typed.indexOf(moduleOf(manifest))} = ${JSON.stringify(manifest)};`,
      ),
    ];

    expect(await typeProblems(lines.join('\n'))).toEqual('');
    const wrong = JSON.stringify({ apiVersion: 'v1', kind: 'Service', metadata: {}, spec: { selektor: {} } });
    expect(
      await typeProblems(
        `import type { IService } from 'kubernetes-models/v1/Service';\nexport const m: IService = ${wrong};`,
      ),
    ).toContain('selektor');
  });

  it('hardens every pod: no root, nothing to write to, no privileges, no token, bounded', () => {
    const all = Object.keys(sets).flatMap((set) => workloads(set).map((it) => [set, it] as const));
    for (const [set, { metadata, spec }] of all) {
      const pod = spec.template.spec;
      expect([set, metadata.name, pod]).toMatchObject([
        set,
        metadata.name,
        {
          automountServiceAccountToken: false,
          securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
        },
      ]);
      for (const container of pod.containers) {
        expect(container.securityContext).toEqual({
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ['ALL'] },
        });
        expect(container.resources.limits.memory).toMatch(/^\d+(Mi|Gi)$/);
        expect(container.image).toMatch(/:[^:]*\d/);
      }
    }
  });

  it('names the protocol of every port: an API server before 1.24 merges lists of ports by it, and Helm 4 asks it to', () => {
    const ports = Object.keys(sets).flatMap((set) => [
      ...manifests(set).flatMap((it) => (it.kind === 'Service' ? servicePorts(it) : [])),
      ...workloads(set).flatMap(({ spec }) => spec.template.spec.containers.flatMap((it) => it.ports ?? [])),
    ]);

    expect(ports.length).toBeGreaterThan(100);
    expect(ports.filter(({ protocol }) => protocol !== 'TCP')).toEqual([]);
  });

  it('asks no probe by a process that a busy node starts late, and none with a second alone', () => {
    for (const { metadata, spec } of Object.keys(sets).flatMap(workloads)) {
      for (const { startupProbe, readinessProbe, livenessProbe } of spec.template.spec.containers) {
        const probes = [startupProbe, readinessProbe, livenessProbe].filter((it) => it !== undefined);
        if (metadata.name !== 'inferry-migration') expect(probes.length).toBeGreaterThan(0);
        for (const probe of probes) {
          expect([metadata.name, probe.exec]).toEqual([metadata.name, undefined]);
          expect([metadata.name, probe.timeoutSeconds ?? 1]).not.toEqual([metadata.name, 1]);
        }
      }
    }
  });

  it('prints a command for the first key whose pod is hardened and may reach Postgres', async () => {
    const args = ['install', 'inferry', chart, '--dry-run=client', '-f', join(chart, 'examples/trial.yaml')];
    const { stdout } = await run(helm, args, { maxBuffer: 50e6 });
    const command =
      /kubectl -n default run inferry-keys[\s\S]*?delete pod inferry-keys$/m.exec(stdout)?.[0] ?? '';
    const policy = manifests('trial').find((it) => it.metadata.name === 'inferry-postgres' && isPolicy(it));
    if (policy === undefined || !isPolicy(policy)) throw new Error('no policy of Postgres');
    const labels = /--labels=(\S+)/
      .exec(command)?.[1]
      ?.split(',')
      .map((pair) => pair.split('='));
    // as: it is JSON in single quotes.
    const { spec } = JSON.parse(/--overrides='(.*)'/.exec(command)?.[1] ?? '{}') as { spec: PodSpec };

    const admitted = policy.spec.ingress.flatMap(({ from }) => from.map((it) => it.podSelector?.matchLabels));
    // Whoever attaches to a pod that has ended already sees nothing, and the key is printed once.
    expect(command).not.toMatch(/ (-i|-it|--rm|--attach)\b/);
    expect(command).toContain('logs inferry-keys');
    expect(admitted).toContainEqual(Object.fromEntries(labels ?? []));
    expect(spec).toMatchObject({
      automountServiceAccountToken: false,
      securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
    });
    expect(spec.containers[0]?.securityContext).toEqual(containerOf('trial', 'auth').securityContext);
  });

  it('brings the schema up to date before pods start, where the way to Postgres is there beforehand', () => {
    const hooks = ['production', 'gateway-api', 'trial'].map(
      (set) => workloads(set).find(({ kind }) => kind === 'Job')?.metadata.annotations?.['helm.sh/hook'],
    );

    // Secrets of a store outside come with the release, and so does a bundled Postgres.
    expect(hooks).toEqual([
      'pre-install,pre-upgrade',
      'post-install,pre-upgrade',
      'post-install,pre-upgrade',
    ]);
  });

  it('changes no pod of NATS when its users change, and has it read them again', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'inferry-chart-'));
    try {
      cpSync(chart, folder, { recursive: true });
      const users = join(folder, 'files/nats.conf');
      writeFileSync(
        users,
        readFileSync(users, 'utf8').replace('"ops.v1.get_run"', '"ops.v1.get_run_or_two"'),
      );
      const { stdout } = await run(helm, ['template', 'inferry', folder], { maxBuffer: 50e6 });
      // as: what Helm prints are manifests.
      const changed = parseAllDocuments(stdout).map((it) => it.toJS() as Workload);
      const of = (all: readonly Manifest[], kind: string) =>
        all.find((it) => it.kind === kind && it.metadata.name === 'inferry-nats');

      expect(of(changed, 'Deployment')).toEqual(of(manifests('defaults'), 'Deployment'));
      expect(of(changed, 'ConfigMap')).not.toEqual(of(manifests('defaults'), 'ConfigMap'));
    } finally {
      rmSync(folder, { recursive: true });
    }
    // A further user is one more line of a file, and no variable of a pod.
    expect(containerOf('defaults', 'nats').env).toBeUndefined();
    expect(podOf('defaults', 'nats').containers.map(({ name }) => name)).toEqual(['nats', 'reloader']);
  });

  it('lets a node be emptied by one pod of each kind at a time', () => {
    for (const set of Object.keys(sets)) {
      const budgets = manifests(set).filter(({ kind }) => kind === 'PodDisruptionBudget');
      const stateless = workloads(set).filter(
        ({ kind, metadata }) => kind === 'Deployment' && !/-(nats|redis)$/.test(metadata.name),
      );

      expect(budgets.map(({ metadata }) => metadata.name).sort()).toEqual(
        stateless.map(({ metadata }) => metadata.name).sort(),
      );
    }
  });

  it('leaves every service time to be forgotten and to drain, from one value', () => {
    for (const [set, drain] of [
      ['defaults', 15],
      ['production', 30],
    ] as const) {
      for (const name of serviceNames) {
        const pod = podOf(set, name);
        const settle = Number(containerOf(set, name).lifecycle?.preStop.exec.command[1]);
        const submit = name === 'inference-poller' ? 30 : 0;

        expect(variablesOf(set, name).get('SHUTDOWN_GRACE_MS')?.value).toBe(String(drain * 1_000));
        expect([name, settle]).toEqual([name, 5]);
        expect(pod.terminationGracePeriodSeconds).toBe(drain + settle + submit + 5);
      }
    }
  });

  it('leaves scaled services their number of replicas', () => {
    const scaled = manifests('production').filter(({ kind }) => kind === 'ScaledObject');
    const free = workloads('production').filter(({ spec }) => spec.replicas === undefined);

    expect(scaled.map(({ metadata }) => metadata.name).sort()).toEqual(
      free
        .filter(({ kind }) => kind === 'Deployment')
        .map(({ metadata }) => metadata.name)
        .sort(),
    );
    expect(JSON.stringify(scaled)).toContain('sum(inferry_gateway_open_waits{');
  });
});

describe('the variables of the chart', () => {
  const schema: {
    properties: {
      services: {
        properties: Record<
          string,
          { properties: { env: { propertyNames: { anyOf: [{ enum: string[] }] } } } }
        >;
      };
    };
  } = JSON.parse(read('deploy/chart/values.schema.json'));
  const allowed = (name: string) =>
    schema.properties.services.properties[name]?.properties.env.propertyNames.anyOf[0].enum ?? [];

  test.each([...serviceNames])('are, for %s, those that it reads', (name) => {
    const given = [...variablesOf('production', name).keys(), ...variablesOf('defaults', name).keys()].map(
      (it) => it.replace(/_FILE$/, ''),
    );
    const sources = readdirSync(join(root, 'services', name, 'src'), { recursive: true, encoding: 'utf8' })
      .filter((file) => /(^|\/)config\.ts$/.test(file))
      .map((file) => read(join('services', name, 'src', file)))
      .join('\n');
    const reads = [...sources.matchAll(/^ {2}([A-Z][A-Z0-9_]+):/gm)].map(([, variable = '']) => variable);
    const elsewhere = new Set([
      'INFERRY_EMULATORS',
      'INFERRY_EXTRA_TOOLS',
      'FFMPEG_PATH',
      'PATH',
      'INFERRY_SECRET',
    ]);
    const runtime = [...read('libs/runtime/src/config.ts').matchAll(/^ {2}([A-Z][A-Z0-9_]+):/gm)].map(
      ([, it]) => it,
    );
    const secret = read('deploy/chart/files/service-secrets.json');

    const missing = reads.filter(
      (it) => !given.includes(it) && !allowed(name).includes(it) && !elsewhere.has(it),
    );
    expect(
      missing.filter((it) => !['MCP_ALLOWED_HOSTS', 'AUTH_KEKS_FILE', 'PROFILES_FOLDER'].includes(it)),
    ).toEqual([]);
    const unknown = given.filter(
      (it) =>
        !reads.includes(it) &&
        !runtime.includes(it) &&
        !allowed(name).includes(it) &&
        !secret.includes(`"${it}"`) &&
        !/^(OTEL_|OPENAI_BASE_URL|PROVIDERS|PROVIDER_FILES|HTTPS_PROXY|NODE_EXTRA_CA_CERTS)/.test(it),
    );
    expect(unknown).toEqual([]);
  });

  it('bring each service its own secrets and nobody else’s', () => {
    for (const name of serviceNames) {
      const names = [...(containerOf('gateway-api', name).env ?? [])].flatMap(({ valueFrom }) =>
        valueFrom === undefined ? [] : [valueFrom.secretKeyRef],
      );
      expect(
        names
          .filter(
            (it) =>
              it.name.startsWith('inferry-') && serviceNames.some((other) => it.name === `inferry-${other}`),
          )
          .every((it) => it.name === `inferry-${name}`),
      ).toBe(true);
      expect(names.some(({ name: from }) => from === 'inferry-postgres')).toBe(
        !['mcp-gateway', 'compute'].includes(name),
      );
      expect([...variablesOf('gateway-api', name).keys()]).not.toContain('INFERRY_SECRET');
      expect(containerOf('production', name).envFrom ?? []).toHaveLength(name === 'auth' ? 1 : 0);
    }
  });

  it('are what npm run secrets prints for Kubernetes', async () => {
    const { stdout } = await run(
      process.execPath,
      [
        '--disable-warning=ExperimentalWarning',
        join(root, 'cli/src/main.ts'),
        'secrets',
        '--kubernetes',
        'inferry',
      ],
      { env: { ...process.env, INFERRY_SECRET: 's'.repeat(64) } },
    );
    // as: the command prints Secrets.
    const secrets = parseAllDocuments(stdout).map(
      (document) => document.toJS() as Manifest & { stringData: Record<string, string> },
    );

    for (const name of serviceNames) {
      const wanted = [...(containerOf('gateway-api', name).env ?? [])].flatMap(({ valueFrom }) =>
        valueFrom?.secretKeyRef.name === `inferry-${name}` ? [valueFrom.secretKeyRef.key] : [],
      );
      const given = secrets.find(({ metadata }) => metadata.name === `inferry-${name}`)?.stringData ?? {};
      expect(Object.keys(given).sort()).toEqual(wanted.sort());
    }
  });

  it('are files, where that is asked for, and every file is there', () => {
    for (const name of serviceNames) {
      const files = [...variablesOf('production', name).values()].flatMap(({ value }) =>
        value?.startsWith('/run/secrets/inferry/') === true
          ? [value.slice('/run/secrets/inferry/'.length)]
          : [],
      );
      const volume = podOf('production', name).volumes?.find((it) => it.name === 'secrets');
      const there = volume?.projected?.sources.flatMap(({ secret }) => secret.items.map(({ path }) => path));

      expect(files.length).toBeGreaterThan(2);
      expect(there?.sort()).toEqual(files.sort());
    }
  });
});

describe('the network of the chart', () => {
  // as: manifests of that kind.
  const policies = () => manifests('trial').filter(({ kind }) => kind === 'NetworkPolicy') as Policy[];
  const componentOf = (selector: Selector | undefined) =>
    selector?.matchLabels['app.kubernetes.io/component'] ?? '';

  it('has a policy for every pod', () => {
    const held = policies().map(({ spec }) => componentOf(spec.podSelector));
    const pods = workloads('trial').map(({ metadata }) => metadata.name.replace(/^inferry-/, ''));

    expect(held.sort()).toEqual(pods.sort());
  });

  it('lets out exactly what it lets in elsewhere', () => {
    const out = policies().flatMap(({ spec }) =>
      spec.egress.flatMap(({ to = [], ports = [] }) =>
        to.flatMap(({ podSelector }) =>
          podSelector === undefined
            ? []
            : [`${componentOf(spec.podSelector)} ${componentOf(podSelector)}:${ports[0]?.port}`],
        ),
      ),
    );
    const entering = policies().flatMap(({ spec }) =>
      spec.ingress.flatMap(({ from, ports }) =>
        from.flatMap(({ podSelector }) =>
          podSelector === undefined
            ? []
            : [`${componentOf(podSelector)} ${componentOf(spec.podSelector)}:${ports[0]?.port}`],
        ),
      ),
    );

    expect(out.sort()).toEqual(entering.sort());
    expect(out).toContain('inference-poller postgres:5432');
    expect(out.filter((arrow) => /^(mcp-gateway|compute) postgres/.test(arrow))).toEqual([]);
  });
});

describe('values that are wrong', () => {
  test.each([
    ['a name that does not exist', ['--set', 'replicas=3'], 'replicas'],
    ['a variable that no service reads', ['--set', 'services.auth.env.BRAND_NAMES=x'], 'BRAND_NAMES'],
    [
      'a key of a platform outside of a Secret',
      ['--set', 'platforms.settings.OPENAI_API_KEY=sk'],
      'OPENAI_API_KEY',
    ],
    ['a wait that is too long', ['--set', 'maxWaitSeconds=601'], 'maxWaitSeconds'],
    ['text for a number', ['--set', 'services.catalog.replicas=two'], 'replicas'],
    ['no address of an external store', ['--set', 'nats.bundled=false'], 'nats.existingSecret'],
    [
      'several uploads on one volume',
      ['--set', 'services.upload.replicas=2'],
      'several replicas need s3.bucket',
    ],
    ['a route without its Gateway', ['--set', 'gateway.enabled=true'], 'gateway.parentRefs'],
  ])('are refused with their name: %s', async (_what, args, name) => {
    expect(await refusal(...args)).toContain(name);
  });
});

test('the base for kustomize is what the chart makes, and kubectl takes it', async () => {
  const { kubectl } = await requireKubernetesTools();
  const base = await renderBase(helm);

  for (const [file, text] of Object.entries(base)) expect([file, read(file)]).toEqual([file, text]);
  const { stdout } = await run(kubectl, ['kustomize', join(root, 'deploy/kustomize/base')], {
    maxBuffer: 50e6,
  });
  expect(stdout.match(/^kind: Deployment$/gm)).toHaveLength(serviceNames.length);
});

/** What the compiler says of fields in literals that the types of Kubernetes do not have. */
async function typeProblems(source: string): Promise<string> {
  const cache = join(root, 'node_modules/.cache');
  mkdirSync(cache, { recursive: true });
  const folder = mkdtempSync(join(cache, 'manifests-'));
  try {
    writeFileSync(join(folder, 'manifests.ts'), source);
    const flags = [
      '--noEmit',
      '--ignoreConfig',
      '--strict',
      '--skipLibCheck',
      '--module',
      'nodenext',
      '--types',
      '',
      '--pretty',
      'false',
    ];
    await run(join(root, 'node_modules/.bin/tsc'), [...flags, join(folder, 'manifests.ts')], {
      maxBuffer: 50e6,
    });
    return '';
  } catch (error) {
    return error instanceof Error && 'stdout' in error ? String(error.stdout).slice(0, 4_000) : String(error);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
