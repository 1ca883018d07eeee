/**
 * npm run test:containers [-- --from <tag>] [--short] [--keep-images]: brings up an engine where none answers, makes base images
 * and the project's own, and runs tests/containers on them. Where it cannot, one line says what is missing, and nothing counts
 * as passed: exit code 2.
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

/** The engine of this machine, or that of an earlier trial; starts nothing. */
export function findEngine(): Engine | undefined {
  const given: Engine = { name: 'the engine of this machine', env: {}, prefix: [] };
  if (answers(given)) return given;
  const socket = join(trialFolder(), 'engine', 'docker.sock');
  if (!existsSync(socket)) return undefined;
  const own: Engine = {
    name: 'an engine of deploy/trials',
    env: { DOCKER_HOST: `unix://${socket}`, TESTCONTAINERS_RYUK_DISABLED: 'true' },
    prefix: [script, 'run'],
  };
  return answers(own) ? own : undefined;
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
    const inspect = ['image', 'inspect', `inferry/${name}:${imageVersion}`, '--format', format];
    return outputOf('docker', inspect, engine.env) !== wanted;
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
  return outputOf('docker', ['version', '--format', '{{.Server.Version}}'], engine.env) !== undefined;
}

/** Without its last line end; undefined where it failed. */
function outputOf(program: string, args: readonly string[], env: Record<string, string>): string | undefined {
  const options = { cwd: root, env: { ...process.env, ...env }, encoding: 'utf8', timeout: 20_000 } as const;
  const { status, stdout } = spawnSync(program, args, options);
  return status === 0 ? stdout.trim() : undefined;
}

function step(title: string, command: readonly string[], env: Record<string, string> = {}): void {
  console.log(`\n== ${title}`);
  const startedAt = performance.now();
  const [program = '', ...args] = command;
  const all = { ...process.env, ...env };
  const { status } = spawnSync(program, args, {
    cwd: root,
    stdio: 'inherit',
    env: all,
    timeout: stepTimeoutMs,
  });
  if (status !== 0) notRun(`${title} failed`);
  console.log(`${title}: ${Math.round((performance.now() - startedAt) / 1_000)} s`);
}

function notRun(reason: string): never {
  console.log(`\nNOT RUN: ${reason}`);
  process.exit(2);
}

/** The engine of Debian's packages, in a network namespace of its own. */
function startEngine(): Engine {
  if (process.platform !== 'linux' || process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get'))
    notRun('no container engine answers; it can be brought up by root on Debian alone');
  step('engine', [script, 'start']);
  return findEngine() ?? notRun('the engine that was started does not answer');
}

function main(): void {
  const { values } = parseArgs({
    options: {
      from: { type: 'string' },
      short: { type: 'boolean', default: false },
      'keep-images': { type: 'boolean', default: false },
    },
  });
  const engine = findEngine() ?? startEngine();
  console.log(engine.name);
  if (engine.prefix.length > 0) step('base images', [join(root, 'deploy', 'trials', 'base-images.sh')]);
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
