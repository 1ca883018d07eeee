// Plain JavaScript for the machine's own Node (20 or later): installs what a command needs, then runs the command
// on the Node that this project pins as a dependency.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { nodeIn, nodePackage, passSignals, signals, starts } from './pinned-node.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const isWindows = process.platform === 'win32';
const marker = join(root, 'node_modules', '.inferry-install.json');
// Beside node_modules, which an installation empties.
const lock = join(root, '.inferry-install.lock');
// A machine that restarted may give the owner's number to another process.
const staleAfterMs = 30 * 60_000;

const commands = {
  start: { install: 'production', run: ['cli/src/main.ts', 'start'] },
  stdio: { install: 'production', run: ['cli/src/main.ts', 'stdio'] },
  demo: { install: 'production', run: ['cli/src/main.ts', 'demo'] },
  accounts: { install: 'production', run: ['cli/src/main.ts', 'accounts'] },
  oauth: { install: 'production', run: ['cli/src/main.ts', 'oauth'] },
  keys: { install: 'production', run: ['cli/src/main.ts', 'keys'] },
  connections: { install: 'production', run: ['cli/src/main.ts', 'connections'] },
  vault: { install: 'production', run: ['cli/src/main.ts', 'vault'] },
  budgets: { install: 'production', run: ['cli/src/main.ts', 'budgets'] },
  admin: { install: 'production', run: ['cli/src/main.ts', 'admin'] },
  'webhook-secret': { install: 'production', run: ['cli/src/main.ts', 'webhook-secret'] },
  profiles: { install: 'production', run: ['cli/src/main.ts', 'profiles'] },
  smoke: { install: 'production', run: ['cli/src/main.ts', 'smoke'] },
  doctor: { install: 'production', run: ['cli/src/main.ts', 'doctor'] },
  add: { install: 'production', run: ['cli/src/main.ts', 'add'] },
  remove: { install: 'production', run: ['cli/src/main.ts', 'remove'] },
  backup: { install: 'production', run: ['cli/src/main.ts', 'backup'] },
  restore: { install: 'production', run: ['cli/src/main.ts', 'restore'] },
  migrate: { install: 'production', run: ['cli/src/main.ts', 'migrate'] },
  secrets: { install: 'production', run: ['cli/src/main.ts', 'secrets'] },
  emulators: { install: 'full', run: ['libs/testing/src/emulators/main.ts'] },
  cluster: { install: 'full', run: ['cli/src/main.ts', 'cluster'] },
  test: { install: 'full', run: ['scripts/test.ts'] },
  check: { install: 'full', run: ['scripts/check.ts'] },
  conformance: { install: 'full', run: ['tests/conformance/main.ts'] },
  // A world leaves much behind in a moment: a larger nursery saves a quarter of the time.
  prove: { install: 'full', run: ['--max-semi-space-size=64', 'tests/prove/main.ts'] },
  'test:containers': { install: 'full', run: ['scripts/containers.ts'] },
  'trial:stores': { install: 'full', run: ['tests/trial/stores.ts'] },
  'trial:alerts': { install: 'full', run: ['tests/trial/alerts.ts'] },
  'trial:upgrade': { install: 'full', run: ['tests/trial/upgrade.ts'] },
  'trial:kill': { install: 'full', run: ['tests/trial/main.ts'] },
  'trial:kube': { install: 'full', run: ['tests/kube/main.ts', 'play'] },
  'trial:cluster': { install: 'full', run: ['tests/kube/main.ts', 'cluster'] },
  'trial:agents': { install: 'full', run: ['tests/agents/main.ts'] },
  bench: { install: 'full', run: ['bench/main.ts'] },
};

const [name, ...args] = process.argv.slice(2);
const command = Object.hasOwn(commands, name ?? '') ? commands[name] : undefined;
if (command === undefined) fail(`usage: node scripts/run.mjs ${Object.keys(commands).join('|')} [arguments]`);

// Emulated platforms are a part of the tests.
const kind = args.includes('--emulators') ? 'full' : command.install;
// What was installed in full stays so when the lock file changes: a developer's `npm start` takes no tools away.
if (!isInstalled(kind)) await installOnce();
runOnPinnedNode([...command.run, ...args]);

function isInstalled(wanted) {
  const found = installed();
  if (found !== undefined)
    return found.hash === lockHash() && (found.kind === 'full' || found.kind === wanted);
  // An installation made by hand counts when it is newer than the lock file and has the development tools.
  const own = join(root, 'node_modules', '.package-lock.json');
  return (
    existsSync(own) &&
    existsSync(join(root, 'node_modules', 'vitest')) &&
    statSync(own).mtimeMs >= statSync(join(root, 'package-lock.json')).mtimeMs
  );
}

function installed() {
  try {
    return JSON.parse(readFileSync(marker, 'utf8'));
  } catch {
    // There is none, or whoever wrote it was interrupted: then nothing is known.
    return undefined;
  }
}

/** One process installs, the others wait for it and look again. */
async function installOnce() {
  let isTold = false;
  while (!takeLock()) {
    if (!isTold) console.error('Another command is installing; waiting for it …');
    isTold = true;
    await sleep(250);
  }
  const release = () => rmSync(lock, { force: true });
  process.on('exit', release);
  try {
    if (!isInstalled(kind)) await install(installed()?.kind === 'full' ? 'full' : kind);
  } finally {
    release();
    process.off('exit', release);
  }
}

/** True when this process has it from now on. A lock whose owner is gone is taken away by one of those who wait. */
function takeLock() {
  try {
    writeFileSync(lock, String(process.pid), { flag: 'wx' });
    return true;
  } catch (error) {
    if (error.code !== 'EEXIST') return fail(`Cannot install here: ${error.message}`);
  }
  try {
    const age = Date.now() - statSync(lock).mtimeMs;
    // Whoever installs, and its npm, which goes on when it alone is ended.
    const owners = readFileSync(lock, 'utf8').split(' ').map(Number).filter(Boolean);
    // An owner that has not written its number yet has a moment for it.
    const isStale = owners.length > 0 ? !owners.some(isAlive) || age > staleAfterMs : age > 5_000;
    if (isStale) {
      // Renamed first: of several who find it stale, one alone can.
      const aside = `${lock}.${process.pid}`;
      renameSync(lock, aside);
      rmSync(aside, { force: true });
    }
  } catch {
    // Somebody else was quicker: the next try tells.
  }
  return false;
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

async function install(kind) {
  const known = installed();
  // What runs already goes on: development tools are added beside what is there. Anything else begins anew.
  const isAddition = known !== undefined && known.hash === lockHash();
  console.error(`Installing (${kind}) with npm ${isAddition ? 'install' : 'ci'}, once …`);
  rmSync(marker, { force: true });
  const flags = [
    ...(isAddition ? ['install', '--no-save'] : ['ci']),
    '--no-audit',
    '--no-fund',
    '--loglevel=error',
    ...(kind === 'production' ? ['--omit=dev'] : []),
  ];
  const npm = spawn('npm', flags, { cwd: root, stdio: ['ignore', 2, 2], shell: isWindows });
  npm.once('error', (error) => fail(`npm cannot be started: ${error.message}`));
  if (npm.pid !== undefined) writeFileSync(lock, `${process.pid} ${npm.pid}`);
  const passOn = (signal) => npm.kill(signal);
  for (const signal of signals) process.on(signal, passOn);
  const [status] = await once(npm, 'exit');
  for (const signal of signals) process.off(signal, passOn);
  if (status !== 0) fail('npm failed: see its messages above. The same command tries again.');
  // In one step: a marker is whole or is not there.
  writeFileSync(`${marker}.new`, JSON.stringify({ hash: lockHash(), kind }));
  renameSync(`${marker}.new`, marker);
}

function lockHash() {
  return createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex');
}

function pinnedNode() {
  const found = nodePackage === undefined ? undefined : nodeIn(join(root, 'node_modules', nodePackage));
  if (found !== undefined) return starts(found) ? found : withLibatomic(found);
  if (Number(process.versions.node.split('.')[0]) >= 24) return process.execPath;
  return fail('No pinned Node for this platform, and the one on PATH is older than 24.');
}

// The one library that Node needs and a bare Debian or Ubuntu may lack.
function withLibatomic(node) {
  const isDebian = existsSync('/usr/bin/apt-get') && process.getuid?.() === 0;
  if (isDebian && command.install === 'full') {
    const quiet = { stdio: ['ignore', 2, 2], env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } };
    spawnSync('apt-get', ['update', '-qq'], quiet);
    spawnSync('apt-get', ['install', '-y', '-qq', '--no-install-recommends', 'libatomic1'], quiet);
    if (starts(node)) return node;
  }
  return fail(
    'Node cannot start: install the library libatomic (Debian, Ubuntu: apt-get install libatomic1).',
  );
}

function runOnPinnedNode(parameters) {
  const node = pinnedNode();
  const path = [join(root, 'node_modules', '.bin'), process.env.PATH].join(delimiter);
  const cache = join(root, 'node_modules', '.cache', 'compile');
  const child = spawn(node, ['--disable-warning=ExperimentalWarning', ...parameters.map(absoluteIfOurs)], {
    // Paths that a user gives are relative to where they typed the command.
    cwd: process.env.INIT_CWD ?? root,
    // The channel tells the command when this process is gone, however it went.
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
    env: { ...process.env, PATH: path, NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE ?? cache },
  });
  // The terminal sends Ctrl-C to the whole group; a signal to this process alone is passed on.
  passSignals(child, (signal) => signal === 'SIGINT' && process.stdin.isTTY);
  // npm does not pass every signal on: an orphan stops what it started.
  const parent = process.ppid;
  const watch = setInterval(() => process.ppid === parent || child.kill('SIGTERM'), 500);
  watch.unref();
  child.on('exit', (code, signal) => process.exit(code ?? (signal === null ? 1 : 128)));
}

function absoluteIfOurs(parameter, index) {
  return index === 0 ? join(root, parameter) : parameter;
}

function fail(message) {
  console.error(message);
  process.exit(1);
}
