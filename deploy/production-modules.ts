/** Finds the packages that a bundled process needs, and lays it out with them for its image. */
import { existsSync, readdirSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { cp, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';

interface Manifest {
  name: string;
  version: string;
  license?: unknown;
  dependencies?: Record<string, string>;
  optionalDependencies?: Record<string, string>;
  peerDependencies?: Record<string, string>;
  peerDependenciesMeta?: Record<string, { optional?: boolean }>;
  exports?: unknown;
  main?: string;
  module?: string;
  esnext?: string;
  'jsnext:main'?: string;
}

/** Every process can be told of a bucket, and these alone open one: the others leave its client at home. */
const bucketClient = '@aws-sdk/';
const openBuckets = new Set(['upload', 'cli']);

/**
 * The installed packages that a bundled process of ours needs at run time, as folders relative to `root`: what it and
 * our packages below it declare as `dependencies`, and what those packages need in turn. Our own packages are in the
 * bundle and so not among them; development tools, and the Node that npm scripts run on, never are. `isUsed` tells which
 * of the declared ones the bundle names at all: a library of ours declares more than each process takes of it.
 */
export function productionModules(
  root: string,
  name: string,
  isUsed: (dependency: string) => boolean = () => true,
): string[] {
  const found = new Set<string>();
  const own = new Set<string>();
  const visitOwn = (folder: string): void => {
    if (own.has(folder)) return;
    own.add(folder);
    const { dependencies = {} } = readManifest(folder);
    for (const dependency of Object.keys(dependencies)) {
      if (dependency.startsWith('@inferry/')) visitOwn(realpathSync(join(root, 'node_modules', dependency)));
      else if (isUsed(dependency) && (!dependency.startsWith(bucketClient) || openBuckets.has(name)))
        visitForeign(requireFolder(dependency, folder, root));
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

/** What nothing reads at run time: types, maps and sources, those of native parts too, tests, pages about a package. Licences stay. */
const unneededFile =
  /\.(map|ts|mts|cts|flow|tsbuildinfo|cc|h)$|\/(readme|changelog|history|contributing)[^/]*$/i;
const unneededFolder = /\/(tests?|__tests__|docs?|examples?|benchmarks?|\.github)$/;

/** A package that is not asked by `exports` is found by `main`: its second form, for bundlers, is never read. */
function formsForBundlers(folder: string): string[] {
  const { exports, main, module, esnext, 'jsnext:main': next } = readManifest(folder);
  if (exports !== undefined || main === undefined) return [];
  const places = [module, esnext, next].flatMap((file) =>
    file === undefined ? [] : [dirname(join(folder, file))],
  );
  const used = join(folder, main);
  return places.filter((place) => place !== folder && !used.startsWith(`${place}/`));
}

/** Whether a package's name stands in what a bundle imports: as a whole or with a path behind it. */
function namesIn(bundle: string): (dependency: string) => boolean {
  const files = readdirSync(bundle, { recursive: true, encoding: 'utf8' }).filter((file) =>
    file.endsWith('.js'),
  );
  const text = files.map((file) => readFileSync(join(bundle, file), 'utf8')).join('\n');
  return (dependency) =>
    ['"', "'", '`'].some((quote) => new RegExp(`${quote}${dependency}[/${quote}]`).test(text));
}

/** Lays a process out for its image: bundle, manifest and the packages that it needs. */
export async function layOut(root: string, name: string, target: string): Promise<void> {
  const folder = realpathSync(join(root, 'node_modules/@inferry', name));
  const modules = productionModules(root, name, namesIn(join(folder, 'dist')));
  await cp(join(folder, 'dist'), target, { recursive: true });
  await cp(join(folder, 'package.json'), join(target, 'package.json'));
  for (const module of modules) {
    const source = join(root, module);
    // What lies nested in it is listed by itself if it is needed.
    const left = new Set([join(source, 'node_modules'), ...formsForBundlers(source)]);
    const filter = (path: string) => !left.has(path) && !isUnneeded(path, source);
    await cp(source, join(target, module), { recursive: true, filter });
  }
  await writeFile(join(target, 'sbom.cdx.json'), JSON.stringify(partsList(root, name, modules), null, 1));
}

/** What an image holds as CycloneDX, beside the process: a scanner finds there what the bundle was made with. */
function partsList(root: string, name: string, modules: readonly string[]): unknown {
  const { version } = readManifest(root);
  const components = modules.map((module) => {
    const { name: part, version: release, license } = readManifest(join(root, module));
    const purl = `pkg:npm/${part.replace('@', '%40')}@${release}`;
    const licenses = typeof license === 'string' ? [{ expression: license }] : [];
    return {
      type: 'library',
      'bom-ref': `${module}@${release}`,
      name: part,
      version: release,
      purl,
      licenses,
    };
  });
  const node = {
    type: 'platform',
    name: 'node',
    version: process.versions.node,
    purl: `pkg:generic/node@${process.versions.node}`,
  };
  const component = { type: 'application', name: `inferry-${name}`, version };
  return {
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    version: 1,
    metadata: { component },
    components: [node, ...components],
  };
}

function isUnneeded(path: string, source: string): boolean {
  if (unneededFile.test(path)) return true;
  // Beside the code alone: below it a folder of that name can be a part of it.
  return dirname(path) === source && unneededFolder.test(path) && statSync(path).isDirectory();
}

if (import.meta.main) {
  const [name, target] = process.argv.slice(2);
  if (!name || !target) throw new Error('usage: node deploy/production-modules.ts <service> <target folder>');
  await layOut(join(import.meta.dirname, '..'), name, target);
}
