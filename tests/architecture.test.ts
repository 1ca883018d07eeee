import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import { operations } from '@inferry/contracts';
import { inferry } from '@inferry/profiles';
import { describe, expect, it } from 'vitest';
import {
  acceptancePage,
  prefixOf,
  readCitations,
  readNotYet,
  readPromises,
} from '../scripts/acceptance-page.ts';
import { errorsPage } from '../scripts/errors-page.ts';
import { toolsPage } from '../scripts/tools-page.ts';

const root = join(import.meta.dirname, '..');

/** What each package's shipped code may import of ours. */
const allowed: Record<string, readonly string[]> = {
  contracts: [],
  profiles: ['contracts'],
  bus: ['contracts', 'profiles'],
  seals: ['contracts'],
  mcp: ['contracts', 'bus', 'seals'],
  credentials: ['contracts', 'bus', 'seals'],
  database: ['contracts'],
  limits: ['contracts'],
  blobs: ['contracts'],
  skills: ['contracts'],
  clients: [],
  pages: ['runtime'],
  'run-view': ['contracts'],
  providers: ['contracts', 'seals', 'skills'],
  runtime: ['contracts', 'bus', 'database', 'limits', 'blobs', 'seals'],
};
const forServices = [
  'contracts',
  'profiles',
  'bus',
  'mcp',
  'seals',
  'database',
  'limits',
  'blobs',
  'runtime',
  'providers',
  'credentials',
  'skills',
  'run-view',
  'clients',
  'pages',
];

function sourceFiles(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts') && !file.includes('node_modules'))
    .map((file) => join(folder, file));
}

function shippedFiles(folder: string): string[] {
  return sourceFiles(folder).filter((file) => !/\.test\.ts$|contract-suite|\.fixture\.ts$/.test(file));
}

function ownImports(file: string): string[] {
  const matches = readFileSync(file, 'utf8').matchAll(/(?:from|import\()\s*'@inferry\/([a-z-]+)/g);
  return [...matches].flatMap(([, name]) => (name === undefined ? [] : [name]));
}

describe('packages', () => {
  it.each(Object.entries(allowed))('libs/%s imports only what lies below it', (name, below) => {
    const imports = shippedFiles(join(root, 'libs', name, 'src')).flatMap(ownImports);

    expect([...new Set(imports)].filter((imported) => !below.includes(imported))).toEqual([]);
  });

  it.each(readdirSync(join(root, 'services')))('services/%s imports no other service', (name) => {
    const imports = shippedFiles(join(root, 'services', name, 'src')).flatMap(ownImports);

    expect([...new Set(imports)].filter((imported) => !forServices.includes(imported))).toEqual([]);
  });

  it('keep the protocol free of HTTP: libs/mcp and stdio know neither Node’s server nor Fastify', () => {
    const gateway = join(root, 'services', 'mcp-gateway', 'src');
    const files = [join(root, 'libs', 'mcp', 'src'), join(gateway, 'stdio')].flatMap(shippedFiles);
    const leaks = files.filter((file) =>
      /from '(node:http|fastify|\.\.\/(edge|http|http-refusal\.ts))/.test(readFileSync(file, 'utf8')),
    );

    expect(files.length).toBeGreaterThan(40);
    expect(leaks.map((file) => relative(root, file))).toEqual([]);
  });

  it('have their seals and codes from one place', () => {
    const folders = ['libs', 'services', 'cli'].map((folder) => join(root, folder));
    const own = folders
      .flatMap(shippedFiles)
      .filter((file) => !/libs\/(seals|testing)\//.test(file))
      .filter((file) =>
        /createHmac|createCipheriv|createDecipheriv|timingSafeEqual|hkdf/.test(readFileSync(file, 'utf8')),
      );

    expect(own.map((file) => relative(root, file))).toEqual([]);
  });

  it.each([
    ['services/auth/src', ['tools', 'account', 'pages', 'rpc', 'identity', 'oauth', 'vault', 'keys']],
    ['libs/mcp/src', ['methods', 'skills', 'events', 'subscriptions', 'tasks', 'surfaces', 'client', 'apps']],
    ['services/mcp-gateway/src', ['stdio', 'pages', 'http', 'file-profiles', 'edge']],
  ])('%s has folders whose imports go one way', (name, order) => {
    const folder = join(root, name);
    const back = shippedFiles(folder)
      .filter((file) => !/\/testing\//.test(file))
      .flatMap((file) => {
        const from = order.indexOf(relative(folder, file).split('/')[0] ?? '');
        const targets = readFileSync(file, 'utf8').matchAll(/from '(\.\.\/[^']+)'/g);
        return [...targets].flatMap(([, target = '']) => {
          const to = order.indexOf(relative(folder, join(file, '..', target)).split('/')[0] ?? '');
          return from > to && to >= 0 ? [`${relative(root, file)} imports ${target}`] : [];
        });
      });

    expect(back).toEqual([]);
  });

  it('have a README each', () => {
    const folders = ['libs', 'services'].flatMap((parent) =>
      readdirSync(join(root, parent)).map((name) => join(parent, name)),
    );
    const without = [...folders, 'cli', 'tests', 'bench'].filter(
      (folder) => !existsSync(join(root, folder, 'README.md')),
    );

    expect(without).toEqual([]);
  });

  it('have no file over 450 lines', () => {
    const folders = ['libs', 'services', 'cli', 'scripts', 'bench'].map((folder) => join(root, folder));
    const long = folders
      .flatMap(sourceFiles)
      .filter((file) => !file.endsWith('.test.ts') && statSync(file).isFile())
      .filter((file) => readFileSync(file, 'utf8').split('\n').length > 451)
      .map((file) => relative(root, file));

    expect(long.filter((file) => !/contract-suite\.ts$/.test(file))).toEqual([]);
  });
});

describe('services', () => {
  it('serve every operation exactly once', () => {
    const sources = readdirSync(join(root, 'services')).flatMap((name) =>
      shippedFiles(join(root, 'services', name, 'src')),
    );
    const served = sources
      .flatMap((file) => [...readFileSync(file, 'utf8').matchAll(/bus\.serve\((\w+),/g)])
      .map(([, name]) => name);
    const names = operations.map(({ name }) =>
      name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase()),
    );

    expect(names.map((name) => served.filter((other) => other === name).length)).toEqual(names.map(() => 1));
  });
});

describe('docs', () => {
  it('docs/tools.md is what the contracts say', () => {
    expect(readFileSync(join(root, 'docs', 'tools.md'), 'utf8')).toBe(toolsPage(inferry.tools));
    expect(readFileSync(join(root, 'docs', 'errors.md'), 'utf8')).toBe(errorsPage());
  });

  it('.env.example has every variable that the code reads', () => {
    const example = readFileSync(join(root, '.env.example'), 'utf8');
    const configs = ['libs', 'services', 'cli']
      .flatMap((folder) => sourceFiles(join(root, folder)))
      .filter((file) => /(^|\/)config\.ts$/.test(file));
    const names = configs
      .flatMap((file) => [...readFileSync(file, 'utf8').matchAll(/^\s+([A-Z][A-Z0-9]*_[A-Z0-9_]+):/gm)])
      .map(([, name]) => name);

    expect([...new Set(names)].filter((name) => !example.includes(`${name}=`))).toEqual([]);
  });
});

describe('promises (docs/acceptance.md; npm run docs)', () => {
  const promises = readPromises();
  const citations = readCitations();
  const shown = new Set(citations.map(({ id }) => id));
  const notYet = readNotYet();

  it('have a page that says which tests show them', () => {
    expect(readFileSync(join(root, 'docs', 'acceptance.md'), 'utf8')).toBe(
      acceptancePage(promises, citations),
    );
  });

  it('are cited only where there is one', () => {
    const ids = new Set(promises.map(({ id }) => id));

    expect(citations.filter(({ id }) => !ids.has(id))).toEqual([]);
    expect(notYet.filter((id) => !ids.has(id))).toEqual([]);
    expect(ids.size).toBe(promises.length);
  });

  it('of a server of ModelRunner, Runware, Runflow or Runpod have a test, but for a list that only gets shorter', () => {
    const owed = promises.filter(
      ({ id, kind, scope }) =>
        scope === 'S' &&
        'TADLEHPVB'.includes(kind) &&
        ['MR', 'RW', 'RF', 'RP', 'RPR', 'RPB'].includes(prefixOf(id)),
    );

    expect(owed.map(({ id }) => id).filter((id) => !shown.has(id) && !notYet.includes(id))).toEqual([]);
    expect(notYet.filter((id) => shown.has(id))).toEqual([]);
  });
});
