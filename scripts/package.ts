/**
 * `npm run package`: the publishable package `inferry` as a tarball under `dist/`, with `--mcpb` also as a bundle (`mcpb.ts`). Our own packages are bundled, those of
 * others are its dependencies, and what is heavy (a Node for older machines, models, their libraries) is optional.
 */
import { execFileSync } from 'node:child_process';
import {
  copyFileSync,
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type OutputChunk, rolldown } from 'rolldown';
import { bundledLibraries, packageBundle } from '../rolldown.config.ts';

interface Manifest {
  version: string;
  license: string;
  description: string;
  repository?: unknown;
  mcpName?: string;
  dependencies?: Record<string, string>;
  optionalDependencies?: Record<string, string>;
}

const root = fileURLToPath(new URL('..', import.meta.url));
/** `node:sqlite` and what else the bundle relies on. */
const needsNode = 24;
/** Whoever leaves these out can still use every platform; a local model then says which package it lacks. */
const heavy = /^(@echogarden|@energetic-ai|@upscalerjs)\/|^(h264|sharp$|wink-)/;

/** Builds it in a folder; returns the tarball's path. */
export async function buildPackage(target: string): Promise<string> {
  const folder = join(target, 'package');
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const imported = await bundleInto(join(folder, 'dist'));
  const own = readManifest('.');
  const manifest = {
    name: 'inferry',
    version: own.version,
    description: own.description,
    license: own.license,
    // The registry of MCP servers takes `server.json` only for a package that says so itself.
    mcpName: own.mcpName,
    type: 'module',
    keywords: ['mcp', 'model-context-protocol', 'inference', 'ai'],
    // Attestations of where a package was built need it; a fork names its own.
    ...(own.repository === undefined ? {} : { repository: own.repository }),
    bin: { inferry: 'inferry.mjs' },
    engines: { node: '>=20.11' },
    needsNode,
    publishConfig: { access: 'public', provenance: true },
    ...dependenciesOf(imported, own.optionalDependencies ?? {}),
  };
  writeFileSync(join(folder, 'package.json'), `${JSON.stringify(manifest, undefined, 2)}\n`);
  for (const file of ['LICENSE', 'README.md', 'CHANGELOG.md'])
    copyFileSync(join(root, file), join(folder, file));
  writeFileSync(join(folder, 'THIRD-PARTY-NOTICES.txt'), noticesOf(bundledLibraries));
  for (const file of ['inferry.mjs', 'pinned-node.mjs'])
    copyFileSync(join(root, 'scripts', file), join(folder, file));
  cpSync(join(root, 'cli/assets'), join(folder, 'assets'), { recursive: true });
  const packed = execFileSync('npm', ['pack', '--json', '--pack-destination', target], {
    cwd: folder,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  return join(target, nameOf(JSON.parse(packed)));
}

/** What the licences of others ask for whose code is in the bundle. */
function noticesOf(names: readonly string[]): string {
  const texts = names.map((name) => {
    const { version, license } = readManifest(`node_modules/${name}`);
    const text = readFileSync(join(root, 'node_modules', name, 'LICENSE'), 'utf8');
    return `${name} ${version} (${license})\n\n${text.trim()}\n`;
  });
  return `This package contains code of:\n\n${texts.join(`\n${'-'.repeat(80)}\n\n`)}`;
}

/** npm says a list or, since version 12, one entry by name. */
function nameOf(packed: unknown): string {
  const [first] = Array.isArray(packed) ? packed : Object.values(packed as object);
  return String(first.filename).replace('/', '-').replace('@', '');
}

/** Names of the packages that the chunks import. */
async function bundleInto(folder: string): Promise<Set<string>> {
  const { output, ...input } = packageBundle(folder);
  const build = await rolldown(input);
  try {
    const { output: written } = await build.write({ ...output, dir: folder });
    const chunks = written.filter((file): file is OutputChunk => file.type === 'chunk');
    const ids = chunks.flatMap(({ imports, dynamicImports, code }) => [
      ...imports,
      ...dynamicImports,
      ...requiredIn(code),
    ]);
    return new Set(ids.filter(isPackage).map(packageOf));
  } finally {
    await build.close();
  }
}

/** What is found by `createRequire`: the names stand in the text. */
function requiredIn(code: string): string[] {
  return [...declared().keys()].filter((name) => code.includes(`'${name}`) || code.includes(`"${name}`));
}

function isPackage(id: string): boolean {
  return /^[a-z@]/i.test(id) && !id.startsWith('node:') && !id.endsWith('.js');
}

function packageOf(id: string): string {
  return id
    .split('/')
    .slice(0, id.startsWith('@') ? 2 : 1)
    .join('/');
}

function dependenciesOf(
  imported: ReadonlySet<string>,
  nodes: Readonly<Record<string, string>>,
): Pick<Manifest, 'dependencies' | 'optionalDependencies'> {
  const versions = declared();
  const wanted = [...imported].filter((name) => versions.has(name)).sort();
  const pick = (names: readonly string[]) =>
    Object.fromEntries(names.map((name) => [name, versions.get(name) ?? '']));
  return {
    dependencies: pick(wanted.filter((name) => !heavy.test(name))),
    optionalDependencies: { ...pick(wanted.filter((name) => heavy.test(name))), ...nodes },
  };
}

/** Every package that a part of the system depends on, with its version. */
function declared(): Map<string, string> {
  const parts = ['libs', 'services'].flatMap((kind) =>
    readdirSync(join(root, kind)).map((name) => `${kind}/${name}`),
  );
  const found = new Map<string, string>();
  for (const part of [...parts, 'cli'].filter((name) => name !== 'libs/testing')) {
    for (const [name, version] of Object.entries(readManifest(part).dependencies ?? {})) {
      if (!name.startsWith('@inferry/')) found.set(name, version);
    }
  }
  return found;
}

function readManifest(part: string): Manifest {
  return JSON.parse(readFileSync(join(root, part, 'package.json'), 'utf8'));
}

if (import.meta.main) {
  const tarball = await buildPackage(join(root, 'dist'));
  const made = [tarball];
  if (process.argv.includes('--mcpb')) {
    const { buildBundle } = await import('./mcpb.ts');
    made.push(await buildBundle(tarball));
  }
  for (const file of made) process.stdout.write(`${file} (${Math.round(statSync(file).size / 1024)} KiB)\n`);
}
