// npm run trial:upgrade -- --from <commit, tag or folder> [--runs 200] [--json]
/**
 * Replicas of an older release are replaced, one after the other, by those of this checkout under load and open runs, on one
 * database, bus and Redis; then one service after the other goes back. Exit code 1: a run was lost or sent twice, or a call failed.
 */
import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { startCluster } from '@inferry/cli';
import { serviceNames } from '@inferry/runtime';
import { startScriptedUpstream } from '@inferry/testing/scripted-upstream';
import { type Failure, SteadyLoad } from './steady-load.ts';

const root = join(import.meta.dirname, '../..');
/** What stores come first with: whoever asks them is newer than they are at no time. */
const order = ['auth', 'catalog', 'upload', 'compute', 'inference-poller', 'mcp-gateway'] as const;
/** What is shown of the logs before and after a call that failed. */
const aroundMs = 2_500;

const { values } = parseArgs({
  options: {
    from: { type: 'string' },
    runs: { type: 'string', default: '200' },
    seconds: { type: 'string', default: '90' },
    json: { type: 'boolean', default: false },
  },
});

/** The older release in a folder of its own, with packages of its own unless it has the same as this one. */
function checkout(from: string, folder: string): string {
  if (existsSync(from) && statSync(from).isDirectory()) return resolve(from);
  const target = join(folder, 'before');
  mkdirSync(target);
  // A clone without history gets the one commit that is asked for.
  if (call('git', ['cat-file', '-e', `${from}^{commit}`]) !== 0)
    call('git', ['fetch', '--depth=1', 'origin', from]);
  const archive = join(folder, 'before.tar');
  if (call('git', ['archive', '-o', archive, from]) !== 0)
    fail(`--from: there is no ${from} here, and origin does not give it`);
  if (call('tar', ['-xf', archive, '-C', target]) !== 0) fail('tar failed');
  const lock = (of: string) => readFileSync(join(of, 'package-lock.json'), 'utf8');
  if (lock(target) === lock(root)) linkPackages(target);
  else if (
    call('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'], target) !== 0
  )
    fail('npm ci failed');
  return target;
}

/** The same packages, and workspaces of its own. */
function linkPackages(target: string): void {
  const [from, to] = [join(root, 'node_modules'), join(target, 'node_modules')];
  mkdirSync(join(to, '@inferry'), { recursive: true });
  for (const name of readdirSync(from)) {
    if (name !== '@inferry' && !name.startsWith('.')) symlinkSync(join(from, name), join(to, name));
  }
  for (const name of readdirSync(join(from, '@inferry'))) {
    const path = readlinkSync(join(from, '@inferry', name));
    if (existsSync(join(to, '@inferry', path))) symlinkSync(path, join(to, '@inferry', name));
  }
}

function call(program: string, args: readonly string[], cwd = root): number | null {
  return spawnSync(program, args, { cwd, stdio: ['ignore', 'ignore', 'inherit'] }).status;
}

function fail(reason: string): never {
  console.error(reason);
  process.exit(2);
}

async function trial(before: string, runs: number, seconds: number) {
  const mainOf = (service: string) => join(before, 'services', service, 'src', 'main.ts');
  const upstream = await startScriptedUpstream();
  const log: { at: number; line: string }[] = [];
  const cluster = await startCluster({
    ...{ replicas: 2, port: 0, auth: 'none', mainOf },
    env: {
      PATH: process.env.PATH,
      INFERRY_EXTRA_PROVIDERS: '@inferry/testing/scripted-provider',
      SCRIPTED_UPSTREAM_URL: upstream.url,
      ...{ LOG_LEVEL: 'info', RATE_LIMIT_CREDENTIAL: '1000000', RATE_LIMIT_IP_POST_AUTH: '1000000' },
    },
    onLine(prefix, line) {
      // Of each run its end is told: nothing that a refused call could be explained by.
      if (!line.includes('"runId"')) log.push({ at: Date.now(), line: `[${prefix}] ${line}` });
      if (process.env.TRIAL_LOG) console.error(new Date().toISOString(), prefix, line);
    },
  });
  try {
    await cluster.ready(180_000);
    const load = new SteadyLoad({ url: cluster.url, upstream, everyMs: 100 });
    load.start();
    load.openRuns(runs, { durationMs: seconds * 1_000 });
    while (load.underWay() < runs) await sleep(200);
    const startedAt = performance.now();
    for (const service of order) await cluster.update(service);
    const updatedAt = performance.now();
    for (const service of order) await cluster.update(service, mainOf(service));
    const figures = {
      update_ms: Math.round(updatedAt - startedAt),
      way_back_ms: Math.round(performance.now() - updatedAt),
    };
    const { failures, ...all } = await load.end();
    return {
      figures: { services: serviceNames.length, ...figures, ...all },
      failures: explained(failures, log),
    };
  } finally {
    await cluster.stop();
    await upstream.close();
  }
}

/** Each failure with what the processes said and did around it. */
function explained(failures: readonly Failure[], log: readonly { at: number; line: string }[]) {
  return failures.map((failure) => {
    const began = Date.parse(failure.at);
    const ended = began + failure.tries.reduce((sum, { tookMs }) => sum + tookMs, 0);
    const around = log.filter(({ at }) => at > began - aroundMs && at < ended + aroundMs);
    return { ...failure, around: around.map(({ at, line }) => `${new Date(at).toISOString()} ${line}`) };
  });
}

const folder = await mkdtemp(join(tmpdir(), 'inferry-upgrade-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
const before = checkout(
  values.from ?? fail('usage: npm run trial:upgrade -- --from <commit, tag or folder>'),
  folder,
);
const { figures, failures } = await trial(before, Number(values.runs), Number(values.seconds));
for (const failure of failures) console.error(JSON.stringify(failure, null, 1));
if (values.json) console.log(JSON.stringify({ from: values.from, ...figures }));
else for (const [key, value] of Object.entries(figures)) console.log(key.padEnd(26), JSON.stringify(value));
await rm(folder, { recursive: true, force: true });
process.exitCode = figures.lost + figures.sent_twice + figures.failed === 0 ? 0 : 1;
