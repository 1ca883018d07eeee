/**
 * npm run test:containers [-- --from <tag>] [--short] [--keep-images] [--engine docker|podman]: brings up an engine where none
 * answers (Docker, else Podman), makes base images and the project's own, and runs tests/containers on them. Where it cannot, one
 * line says what is missing, and nothing counts as passed: exit code 2. What it started it ends.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { serviceNames } from '@inferry/runtime';
import { root } from './rings.ts';

/** An engine that answers, and how a command gets to where its published ports do. */
export interface Engine {
  name: string;
  env: Record<string, string>;
  prefix: string[];
}

const script = join(root, 'deploy', 'trials', 'engine.sh');
/** What the images are tagged with. */
export const imageVersion: string = process.env.INFERRY_VERSION || versionOf(join(root, 'package.json'));
const images = [...serviceNames, 'cli'];
const stepTimeoutMs = 900_000;

const kinds = ['docker', 'podman'] as const;
type Kind = (typeof kinds)[number];

/** The engine of this machine, or that of an earlier trial; starts nothing. */
export function findEngine(): Engine | undefined {
  const given: Engine = { name: 'the engine of this machine', env: {}, prefix: [] };
  return answers(given) ? given : kinds.map(trialEngine).find(answers);
}

/** Of deploy/trials; whether it runs is another question. */
function trialEngine(kind: Kind): Engine {
  const podman = { DOCKER_BUILDKIT: '0', TESTCONTAINERS_HOST_OVERRIDE: '127.0.0.1' };
  return {
    name: `${kind} of deploy/trials`,
    env: {
      TRIAL_ENGINE: kind,
      DOCKER_HOST: `unix://${join(trialFolder(), 'engine', `${kind}.sock`)}`,
      // Its image cannot be pulled.
      TESTCONTAINERS_RYUK_DISABLED: 'true',
      ...(kind === 'podman' && podman),
    },
    prefix: [script, 'run'],
  };
}

function trialFolder(): string {
  return process.env.TRIAL_FOLDER || join(process.env.TMPDIR || tmpdir(), 'inferry-trials');
}

/** What the working tree is; undefined where it has changes that no commit has, or no history. */
function revision(): string | undefined {
  const changed = outputOf('git', ['status', '--porcelain'], {});
  return changed === '' ? outputOf('git', ['rev-parse', 'HEAD'], {}) : undefined;
}

/** Why the images of this very working tree are not there; undefined: they are. */
export function imagesMissing(engine: Engine): string | undefined {
  const wanted = revision();
  if (wanted === undefined) return 'the working tree has changes';
  const format = '{{ index .Config.Labels "org.opencontainers.image.revision" }}';
  const stale = images.filter((name) => {
    return (
      docker(engine, ['image', 'inspect', `inferry/${name}:${imageVersion}`, '--format', format]) !== wanted
    );
  });
  return stale.length === 0 ? undefined : `no images of ${wanted.slice(0, 7)}: npm run test:containers`;
}

/** Runs the tests on an engine; true when they passed. */
export function runContainerTests(
  engine: Engine,
  env: Record<string, string>,
  args: readonly string[],
): boolean {
  const [program = '', ...before] = [...engine.prefix, process.execPath];
  const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs');
  const parameters = [...before, vitest, 'run', '--project', 'containers', ...args];
  const all = { ...process.env, INFERRY_VERSION: imageVersion, ...engine.env, ...env };
  return spawnSync(program, parameters, { cwd: root, stdio: 'inherit', env: all }).status === 0;
}

function versionOf(file: string): string {
  // as: package.json has a version.
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
}

function answers(engine: Engine): boolean {
  const socket = engine.env.DOCKER_HOST?.replace('unix://', '');
  if (socket !== undefined && !existsSync(socket)) return false;
  return docker(engine, ['version', '--format', '{{.Server.Version}}']) !== undefined;
}

/** What the client of this engine says: of the trials' own, which this machine need not have, or this machine's. */
function docker({ prefix, env }: Engine, args: readonly string[]): string | undefined {
  const [program = '', ...all] = [...prefix, 'docker', ...args];
  return outputOf(program, all, env);
}

/** Without its last line end; undefined where it failed. */
function outputOf(program: string, args: readonly string[], env: Record<string, string>): string | undefined {
  const options = { cwd: root, env: { ...process.env, ...env }, encoding: 'utf8', timeout: 20_000 } as const;
  const { status, stdout } = spawnSync(program, args, options);
  return status === 0 ? stdout.trim() : undefined;
}

/** False where it failed. */
function tryStep(title: string, command: readonly string[], env: Record<string, string> = {}): boolean {
  console.log(`\n== ${title}`);
  const startedAt = performance.now();
  const [program = '', ...args] = command;
  const all = { ...process.env, ...env };
  const options = { cwd: root, stdio: 'inherit', env: all, timeout: stepTimeoutMs } as const;
  const { status } = spawnSync(program, args, options);
  if (status === 0) console.log(`${title}: ${Math.round((performance.now() - startedAt) / 1_000)} s`);
  return status === 0;
}

function step(title: string, command: readonly string[], env: Record<string, string> = {}): void {
  if (!tryStep(title, command, env)) notRun(`${title} failed`);
}

function notRun(reason: string): never {
  console.log(`\nNOT RUN: ${reason}`);
  process.exit(2);
}

/** The engine of Debian's packages, in a network namespace of its own: the first of these that comes up. It ends with this process. */
function startEngine(wanted: readonly Kind[]): Engine {
  if (process.platform !== 'linux' || process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get'))
    notRun('no container engine answers; it can be brought up by root on Debian alone');
  for (const kind of wanted) {
    const engine = trialEngine(kind);
    if (!tryStep(`engine: ${kind}`, [script, 'start'], engine.env)) continue;
    process.on('exit', () => spawnSync(script, ['stop'], { env: { ...process.env, ...engine.env } }));
    return engine;
  }
  return notRun(`neither ${wanted.join(' nor ')} could be brought up`);
}

/** Podman where it is wanted, whatever else answers. */
function openEngine(wanted: string | undefined): Engine {
  const kind = kinds.find((one) => one === wanted);
  if (wanted !== undefined && kind === undefined) notRun(`--engine: ${kinds.join(' or ')}`);
  if (kind === undefined) return findEngine() ?? startEngine(kinds);
  return answers(trialEngine(kind)) ? trialEngine(kind) : startEngine([kind]);
}

function main(): void {
  const { values } = parseArgs({
    options: {
      from: { type: 'string' },
      short: { type: 'boolean', default: false },
      'keep-images': { type: 'boolean', default: false },
      engine: { type: 'string' },
    },
  });
  const engine = openEngine(values.engine);
  console.log(engine.name);
  const baseImages = join(root, 'deploy', 'trials', 'base-images.sh');
  if (engine.prefix.length > 0) step('base images', [baseImages], engine.env);
  if (!values['keep-images']) {
    for (const name of images) {
      const args = ['--build-arg', `SERVICE=${name}`, '--build-arg', `REVISION=${revision() ?? 'changed'}`];
      const tag = ['-t', `inferry/${name}:${imageVersion}`];
      const docker = ['docker', 'build', '-q', '-f', 'deploy/Dockerfile', ...args, ...tag, '.'];
      step(`image of ${name}`, [...engine.prefix, ...docker], engine.env);
    }
  }
  const env: Record<string, string> = {
    ...(values.short && { CONTAINERS_SHORT: '1' }),
    ...(values.from !== undefined && { INFERRY_FROM: values.from }),
  };
  process.exitCode = runContainerTests(engine, env, []) ? 0 : 1;
}

if (import.meta.main) main();
