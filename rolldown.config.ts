import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { defineConfig, type OutputOptions, type Plugin, type RolldownOptions } from 'rolldown';
import { workerFamilies } from './libs/providers/src/local/worker-files.ts';

const root = import.meta.dirname;

/**
 * One bundle for each process: our own packages in it, everybody else's left outside, to be found in node_modules.
 * Entry points and chunks lie side by side in `<folder>/dist`, because the local models' workers are looked for as
 * `./workers/<family>.js` beside the chunk that starts them.
 */
function bundle(folder: string): RolldownOptions {
  return {
    cwd: root,
    platform: 'node',
    input: {
      main: join(root, folder, 'src/main.ts'),
      ...(computes(folder) ? workerEntries() : {}),
      ...(looksAtFiles(folder) ? { 'workers/view-process': viewProcess } : {}),
    },
    external: isForeign,
    plugins: [onlyWhatIsInstalled],
    // Files named by `new URL('…', import.meta.url)` come along.
    experimental: { resolveNewUrlToAsset: true },
    output: {
      dir: join(root, folder, 'dist'),
      format: 'esm',
      cleanDir: true,
      entryFileNames: '[name].js',
      chunkFileNames: '[name]-[hash].js',
      assetFileNames: 'assets/[name]-[hash][extname]',
    },
  };
}

/**
 * Some syntax is rewritten with helpers of the bundler's own package (a tagged template that has `</script` in it), which no
 * installation has: the process would end at its first import. That is said while bundling.
 */
const onlyWhatIsInstalled: Plugin = {
  name: 'only-what-is-installed',
  generateBundle(_options, files) {
    for (const file of Object.values(files)) {
      if (file.type !== 'chunk') continue;
      const helper = [...file.imports, ...file.dynamicImports].find((id) => id.startsWith('@oxc-project/'));
      if (helper !== undefined)
        this.error(`${file.fileName} imports ${helper}: write that syntax in another way`);
    }
  },
};

/** Everything that is not a path and not ours. */
function isForeign(id: string): boolean {
  return !id.startsWith('@inferry/') && /^[a-z@]/i.test(id);
}

/** Decodes strangers' pictures for the upload service. */
const viewProcess = join(root, 'services/upload/src/view/view-process.ts');

function looksAtFiles(folder: string): boolean {
  return folder === 'services/upload' || dependsOn(folder, 'upload');
}

/** The others that know of the local models list them and never run one. */
function computes(folder: string): boolean {
  return folder === 'services/inference-poller' || folder === 'cli';
}

function dependsOn(folder: string, name: string): boolean {
  const { dependencies } = JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8'));
  return `@inferry/${name}` in dependencies;
}

function workerEntries(): Record<string, string> {
  const folder = join(root, 'libs/providers/src/local/workers');
  return Object.fromEntries(
    workerFamilies.map((family) => [`workers/${family}`, join(folder, `${family}.ts`)]),
  );
}

/**
 * Libraries in many small files, all in one format, that are in every process: a start spends more on finding those files than
 * on running them, and what nobody uses of them stays away.
 */
export const bundledLibraries: readonly string[] = ['@opentelemetry/api', 'kysely', 'zod'];

/**
 * The command line as a package of its own: without what belongs to the tests (emulators, stores that are started for a
 * cluster), whose commands say so.
 */
export function packageBundle(folder: string): RolldownOptions & { output: OutputOptions } {
  const options = bundle('cli');
  const { output } = options;
  if (output === undefined || Array.isArray(output)) throw new Error('one output is expected');
  const missing = join(root, 'scripts/not-in-package.ts');
  const alias = { '@inferry/testing': missing, '@inferry/testing/emulators': missing };
  const isBundled = (id: string) => bundledLibraries.some((name) => id === name || id.startsWith(`${name}/`));
  return {
    ...options,
    external: (id) => isForeign(id) && !isBundled(id),
    resolve: { alias },
    output: { ...output, dir: folder },
  };
}

/**
 * What no bundle of an image can hold, though it is imported: native parts, and files that a package reads beside its code. It lies beside
 * the bundle with what it needs, as do those that our code loads by `createRequire`.
 */
export const keptBeside: RegExp = /^(sharp$|h264|wink-|@grpc\/)/;

/**
 * A process for its image, with everybody's code in it: of some packages a tenth is used, most come in two formats, and a start spends
 * more on finding their files than on running them. Functions and classes keep their names, so that a stack still tells them.
 * `isLeftOut` tells what this process never opens.
 */
export function imageBundle(
  name: string,
  folder: string,
  isLeftOut: (id: string) => boolean,
): RolldownOptions & { output: OutputOptions } {
  const options = bundle(name === 'cli' ? 'cli' : `services/${name}`);
  return {
    ...options,
    external: (id) => !id.startsWith('@inferry/') && (keptBeside.test(id) || isLeftOut(id)),
    // `depd` makes functions with it, of nothing that comes from outside.
    checks: { eval: false },
    output: {
      ...options.output,
      dir: folder,
      minify: true,
      keepNames: true,
    },
  };
}

const services = readdirSync(join(root, 'services')).map((name) => `services/${name}`);

export default defineConfig([...services, 'cli'].map(bundle));
