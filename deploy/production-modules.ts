/** Bundles a process for its image, finds the packages that it needs beside its bundle, and lays it out with them. */
import { existsSync, readdirSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { cp, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { type OutputChunk, rolldown } from 'rolldown';
import { imageBundle, keptBeside } from '../rolldown.config.ts';

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

/** Read by what describes a server of gRPC, which nobody here is; a client asks for it never. */
const neverAsked = new Set(['@grpc/proto-loader']);

/**
 * The installed packages that a bundled process of ours needs at run time, as folders relative to `root`: of all that it and our packages
 * below it declare as `dependencies`, and what those need in turn, the ones that lie beside the bundle, with everything that these
 * need. Development tools, and the Node that npm scripts run on, never are among them. `isOurs`: one of our packages declares it.
 */
export function productionModules(
  root: string,
  name: string,
  liesBeside: (dependency: string, isOurs: boolean) => boolean = () => true,
): string[] {
  const seen = { beside: new Set<string>(), bundled: new Set<string>(), own: new Set<string>() };
  const visitOwn = (folder: string): void => {
    if (seen.own.has(folder)) return;
    seen.own.add(folder);
    const { dependencies = {} } = readManifest(folder);
    for (const dependency of Object.keys(dependencies)) {
      if (dependency.startsWith('@inferry/')) visitOwn(realpathSync(join(root, 'node_modules', dependency)));
      else if (!isNeverOpened(dependency, name)) visitFromBundle(dependency, folder, { isOurs: true });
    }
  };
  const visitFromBundle = (
    dependency: string,
    from: string,
    { isOurs = false, isOptional = false },
  ): void => {
    if (liesBeside(dependency, isOurs)) return visitBeside(requireFolder(dependency, from, root));
    const folder = findFolder(dependency, from, root);
    if (folder === undefined && isOptional) return;
    if (folder === undefined) throw new Error(`${dependency}, needed by ${from}, is not installed`);
    if (seen.bundled.has(folder)) return;
    seen.bundled.add(folder);
    for (const [next, isNextOptional] of needsOf(readManifest(folder)))
      visitFromBundle(next, folder, { isOptional: isNextOptional });
  };
  const visitBeside = (folder: string): void => {
    if (seen.beside.has(folder) || isTypesOnly(folder)) return;
    seen.beside.add(folder);
    for (const [dependency, isOptional] of needsOf(readManifest(folder))) {
      const next = findFolder(dependency, folder, root);
      if (next !== undefined) visitBeside(next);
      else if (!isOptional) throw new Error(`${dependency}, needed by ${folder}, is not installed`);
    }
  };
  visitOwn(realpathSync(join(root, 'node_modules/@inferry', name)));
  return [...seen.beside].map((folder) => relative(root, folder)).sort();
}

function isNeverOpened(id: string, name: string): boolean {
  return id.startsWith(bucketClient) && !openBuckets.has(name);
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
  const needed = new Map([
    ...Object.keys(manifest.dependencies ?? {}).map((name): [string, boolean] => [name, false]),
    ...optional.map((name): [string, boolean] => [name, true]),
  ]);
  for (const name of neverAsked) needed.delete(name);
  return needed;
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

/** Lays a process out for its image: bundle, manifest, and the packages that lie beside. */
export async function layOut(root: string, name: string, target: string): Promise<void> {
  const chunks = await bundleInto(name, target);
  const isImported = namesIn(chunks.map(({ code }) => code));
  const isAskedFor = namesIn(ownCode(chunks));
  const liesBeside = (one: string, isOurs: boolean) =>
    (keptBeside.test(one) && isImported(one)) || (isOurs && isAskedFor(one));
  const modules = productionModules(root, name, liesBeside);
  const manifest = join(realpathSync(join(root, 'node_modules/@inferry', name)), 'package.json');
  await cp(manifest, join(target, 'package.json'));
  for (const module of modules) {
    const source = join(root, module);
    // What lies nested in it is listed by itself if it is needed.
    const left = new Set([join(source, 'node_modules'), ...formsForBundlers(source)]);
    const filter = (path: string) => !left.has(path) && !isUnneeded(path, source);
    await cp(source, join(target, module), { recursive: true, filter });
  }
  const bundled = [...new Set(chunks.flatMap(({ moduleIds }) => moduleIds.flatMap(packageFolder)))]
    .map((folder) => relative(root, folder))
    .sort();
  const parts = partsList(root, name, [...bundled, ...modules]);
  await writeFile(join(target, 'sbom.cdx.json'), JSON.stringify(parts, null, 1));
  await writeFile(join(target, 'licenses.txt'), licencesOf(root, bundled));
}

async function bundleInto(name: string, target: string): Promise<OutputChunk[]> {
  const { output, ...input } = imageBundle(name, target, (id) => isNeverOpened(id, name));
  const build = await rolldown(input);
  try {
    const { output: written } = await build.write(output);
    return written.filter((file) => file.type === 'chunk');
  } finally {
    await build.close();
  }
}

/** As it is bundled: what it still names is loaded by `createRequire`, where it is needed. */
function ownCode(chunks: readonly OutputChunk[]): string[] {
  return chunks.flatMap(({ modules }) =>
    Object.entries(modules).flatMap(([id, { code }]) => (packageFolder(id).length > 0 ? [] : [code ?? ''])),
  );
}

/** Whether a package's name stands in code: as a whole or with a path behind it. */
function namesIn(code: readonly string[]): (dependency: string) => boolean {
  const text = code.join('\n');
  return (dependency) =>
    ['"', "'", '`'].some((quote) => new RegExp(`${quote}${dependency}[/${quote}]`).test(text));
}

/** Of the package that a module of others lies in; none for ours. */
function packageFolder(id: string): string[] {
  const found = /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/.exec(id.split('?')[0] ?? '');
  return found === null ? [] : [found[0]];
}

/** What their authors ask for where their code is given on, each text once. */
function licencesOf(root: string, modules: readonly string[]): string {
  const holders = new Map<string, string[]>();
  for (const module of modules) {
    const folder = join(root, module);
    const { name, version, license } = readManifest(folder);
    const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry));
    const text = file === undefined ? String(license) : readFileSync(join(folder, file), 'utf8').trim();
    holders.set(text, [...(holders.get(text) ?? []), `${name} ${version}`]);
  }
  const parts = [...holders].map(([text, names]) => `${names.join(', ')}\n\n${text}\n`);
  return `The bundle contains code of:\n\n${parts.join(`\n${'-'.repeat(80)}\n\n`)}`;
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
