/** deploy/kustomize/base: the chart without Helm, rendered with deploy/kustomize/values.yaml (`npm run kustomize`). */
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { requireKubernetesTools } from '@inferry/testing';

const root = join(import.meta.dirname, '..');

/** Each file of the base with its text. */
export async function renderBase(helm: string): Promise<Record<string, string>> {
  const args = [
    'template',
    'inferry',
    join(root, 'deploy/chart'),
    '-f',
    join(root, 'deploy/kustomize/values.yaml'),
  ];
  const { stdout } = await promisify(execFile)(helm, args, { maxBuffer: 50e6 });
  // Hooks and notes of releases are Helm's; services migrate the database when they start.
  const documents = stdout
    .split(/^---\n/m)
    .filter((document) => document.includes('\nkind: ') && !document.includes('helm.sh/hook:'))
    .map((document) =>
      document
        .split('\n')
        .filter((line) => !/^# Source:|helm\.sh\/chart:|managed-by: Helm/.test(line))
        .join('\n'),
    );
  return {
    'deploy/kustomize/base/manifests.yaml': `# Written by npm run kustomize from deploy/chart and deploy/kustomize/values.yaml.\n---\n${documents.join('---\n')}`,
    'deploy/kustomize/base/kustomization.yaml':
      'apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [manifests.yaml]\n',
  };
}

if (import.meta.main) {
  const { helm } = await requireKubernetesTools();
  for (const [file, text] of Object.entries(await renderBase(helm))) writeFileSync(join(root, file), text);
}
