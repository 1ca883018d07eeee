/**
 * `npm run package -- --mcpb`: the bundle that desktop clients install with a click, packed and checked by the format's own
 * tool. Unlike the package of npm it carries what it depends on: its client installs nothing.
 */
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { packExtension, validateManifest } from '@anthropic-ai/mcpb';
import { bundleManifest } from './registry.ts';

/** Puts what a package depends on into its folder. */
export type Install = (folder: string) => void;

/** Models and native libraries are left out: every platform works without, and local models that need one say so. */
const installed: Install = (folder) => {
  const args = ['install', '--omit=dev', '--omit=optional', '--ignore-scripts', '--no-audit', '--no-fund'];
  execFileSync('npm', args, {
    cwd: folder,
    stdio: ['ignore', 'ignore', 'inherit'],
    shell: process.platform === 'win32',
  });
};

/** Packs the package in a tarball; returns the bundle's path. */
export async function buildBundle(tarball: string, install: Install = installed): Promise<string> {
  const folder = tarball.replace(/\.tgz$/, '');
  const bundle = `${folder}.mcpb`;
  const server = join(folder, 'server');
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(server, { recursive: true });
  execFileSync('tar', ['xzf', tarball, '-C', server, '--strip-components=1']);
  install(server);
  copyFileSync(join(server, 'assets/icon.png'), join(folder, 'icon.png'));
  const manifest = join(folder, 'manifest.json');
  writeFileSync(manifest, `${JSON.stringify(bundleManifest(), undefined, 2)}\n`);
  if (!validateManifest(manifest)) throw new Error('the manifest of the bundle is not valid');
  if (!(await packExtension({ extensionPath: folder, outputPath: bundle, silent: true }))) {
    throw new Error('the bundle cannot be packed');
  }
  rmSync(folder, { recursive: true, force: true });
  return bundle;
}
