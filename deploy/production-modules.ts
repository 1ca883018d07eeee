import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { cp } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';

interface Manifest {
  name: string;
  dependencies?: Record<string, string>;
  optionalDependencies?: Record<string, string>;
  peerDependencies?: Record<string, string>;
  peerDependenciesMeta?: Record<string, { optional?: boolean }>;
}

/**
 * The installed packages that a bundled process of ours needs at run time, as folders relative to `root`: what it and
 * our packages below it declare as `dependencies`, and what those packages need in turn. Our own packages are in the
 * bundle and so not among them; development tools, and the Node that npm scripts run on, never are.
 */
export function productionModules(root: string, name: string): string[] {
  const found = new Set<string>();
  const own = new Set<string>();
  const visitOwn = (folder: string): void => {
    if (own.has(folder)) return;
    own.add(folder);
    const { dependencies = {} } = readManifest(folder);
    for (const dependency of Object.keys(dependencies)) {
      if (dependency.startsWith('@inferry/')) visitOwn(realpathSync(join(root, 'node_modules', dependency)));
      else visitForeign(requireFolder(dependency, folder, root));
    }
  };
  const visitForeign = (folder: string): void => {
    if (found.has(folder) || isTypesOnly(folder)) return;
    found.add(folder);
    for (const [dependency, isOptional] of needsOf(readManifest(folder))) {
      const next = findFolder(dependency, folder, root);
      if (next !== undefined) visitForeign(next);
      else if (!isOptional) throw new Error(`${dependency}, needed by ${folder}, is not installed`);
    }
  };
  visitOwn(realpathSync(join(root, 'node_modules/@inferry', name)));
  return [...found].map((folder) => relative(root, folder)).sort();
}

/** Some packages declare their types' packages as if they ran. */
function isTypesOnly(folder: string): boolean {
  return folder.includes('/node_modules/@types/');
}

/** Names of what a package needs; true where it can do without. */
function needsOf(manifest: Manifest): Map<string, boolean> {
  const { peerDependenciesMeta: meta = {} } = manifest;
  const peers = Object.keys(manifest.peerDependencies ?? {}).filter((peer) => meta[peer]?.optional !== true);
  // A peer that nobody installed was replaced or left out on purpose in the root manifest.
  const optional = [...peers, ...Object.keys(manifest.optionalDependencies ?? {})];
  return new Map([
    ...Object.keys(manifest.dependencies ?? {}).map((name): [string, boolean] => [name, false]),
    ...optional.map((name): [string, boolean] => [name, true]),
  ]);
}

/** A bundle sees one version of each package: the one at the root. */
function requireFolder(dependency: string, from: string, root: string): string {
  const folder = findFolder(dependency, from, root);
  if (folder === undefined) throw new Error(`${dependency}, needed by ${from}, is not installed`);
  if (folder === join(root, 'node_modules', dependency)) return folder;
  throw new Error(
    `${from} has a ${dependency} of its own, which its bundle would not find: align the versions`,
  );
}

/** Node's own way up the folders, ending at `root`. */
function findFolder(dependency: string, from: string, root: string): string | undefined {
  for (let folder = from; folder.startsWith(root); folder = dirname(folder)) {
    const candidate = join(folder, 'node_modules', dependency);
    if (existsSync(join(candidate, 'package.json'))) return candidate;
  }
  return undefined;
}

function readManifest(folder: string): Manifest {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
}

/** Type declarations and source maps stay behind: nothing reads them at run time. */
const unneeded = /\.(map|d\.[cm]?ts)$/;

/** Lays a process out for its image: bundle, manifest and the packages that it needs. */
export async function layOut(root: string, name: string, target: string): Promise<void> {
  const folder = realpathSync(join(root, 'node_modules/@inferry', name));
  const modules = productionModules(root, name);
  await cp(join(folder, 'dist'), target, { recursive: true });
  await cp(join(folder, 'package.json'), join(target, 'package.json'));
  for (const module of modules) {
    const source = join(root, module);
    // What lies nested in it is listed by itself if it is needed.
    const filter = (path: string) => path !== join(source, 'node_modules') && !unneeded.test(path);
    await cp(source, join(target, module), { recursive: true, filter });
  }
}

if (import.meta.main) {
  const [name, target] = process.argv.slice(2);
  if (!name || !target) throw new Error('usage: node deploy/production-modules.ts <service> <target folder>');
  await layOut(join(import.meta.dirname, '..'), name, target);
}
