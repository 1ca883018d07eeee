#!/usr/bin/env node
// Plain JavaScript for the machine's own Node (20 or later): runs the command on the Node that this package depends on.
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import module, { createRequire } from 'node:module';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { nodeIn, nodePackage, passSignals, starts } from './pinned-node.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const { version, needsNode } = JSON.parse(readFileSync(join(here, 'package.json'), 'utf8'));
const main = join(here, 'dist', 'main.js');
const isWindows = process.platform === 'win32';
const env = { ...process.env, npm_package_version: version, INFERRY_STARTED_AS: 'package' };
// What V8 compiled is kept for the next start, in a folder of this user's alone.
env.NODE_COMPILE_CACHE ??= join(cacheFolder(), 'inferry', 'compiled', version);

if (Number(process.versions.node.split('.')[0]) >= needsNode) {
  // This Node is new enough: no second process.
  Object.assign(process.env, env);
  module.enableCompileCache?.(env.NODE_COMPILE_CACHE);
  process.removeAllListeners('warning');
  await import(`file://${main}`);
} else {
  const node = pinnedNode();
  // Stopped with this process, whichever way it ends; the streams are the client's own.
  const child = spawn(node, ['--disable-warning=ExperimentalWarning', main, ...process.argv.slice(2)], {
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
    env,
  });
  passSignals(child);
  child.on('exit', (code, signal) => {
    if (signal !== null) process.kill(process.pid, signal);
    else process.exit(code ?? 1);
  });
}

function cacheFolder() {
  if (isWindows) return process.env.LOCALAPPDATA ?? join(homedir(), 'AppData', 'Local');
  if (process.platform === 'darwin') return join(homedir(), 'Library', 'Caches');
  return process.env.XDG_CACHE_HOME || join(homedir(), '.cache');
}

function pinnedNode() {
  const found = nodePackage === undefined ? undefined : find(nodePackage);
  if (found !== undefined && starts(found)) return found;
  const why =
    found === undefined
      ? `its Node was not installed (optional package ${nodePackage ?? 'for this platform'})`
      : 'its Node cannot start: install the library libatomic (Debian, Ubuntu: apt-get install libatomic1)';
  console.error(`inferry: ${why}. Or use Node ${needsNode} or later.`);
  process.exit(1);
}

function find(name) {
  try {
    return nodeIn(dirname(createRequire(import.meta.url).resolve(`${name}/package.json`)));
  } catch {
    return undefined;
  }
}
