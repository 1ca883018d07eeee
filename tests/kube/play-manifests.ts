// What `podman kube play` takes of the rendered chart: it knows no Services, no StatefulSets and no number of replicas.
import { parseAllDocuments, stringify } from 'yaml';

interface Manifest {
  kind: string;
  metadata: { name: string };
  spec?: Record<string, unknown>;
  data?: Record<string, string>;
}

interface Volume {
  name: string;
  emptyDir?: unknown;
  persistentVolumeClaim?: { claimName: string };
  configMap?: { name: string };
  secret?: { secretName: string; items: { key: string; path: string }[] };
}

interface PlayedContainer {
  image: string;
  ports?: unknown;
  startupProbe?: unknown;
  livenessProbe?: unknown;
  readinessProbe?: unknown;
}

interface PodTemplate {
  metadata: { labels: Record<string, string> };
  spec: {
    hostAliases?: unknown;
    securityContext: { fsGroup: number };
    volumes?: Volume[];
    containers: PlayedContainer[];
  };
}

export interface PlayedPod {
  /** As its Service is named; a second one of it has a number behind. */
  name: string;
  address: string;
  yaml: string;
}

/** Podman 4.3 reads what it keeps of a Secret as JSON, which its own reading of the manifest is not. */
export interface PlayedSecret {
  name: string;
  json: string;
}

const stores = ['inferry-postgres', 'inferry-redis', 'inferry-nats'];

/**
 * One file for each pod, stores first and the front last, with what it mounts. Addresses are given beforehand, since each
 * pod finds the others by the names of their Services: those stand in its hosts file.
 */
export function playedPods(rendered: string, subnet: string): { secrets: PlayedSecret[]; pods: PlayedPod[] } {
  // as: Helm prints manifests.
  const all = parseAllDocuments(rendered).map((document) => document.toJS() as Manifest | null);
  const manifests = all.filter((it): it is Manifest => it !== null);
  const config = manifests.filter(({ kind }) => kind === 'ConfigMap');
  const secrets = manifests.filter(({ kind }) => kind === 'Secret');
  const workloads = manifests.filter(({ kind }) => kind === 'Deployment' || kind === 'StatefulSet');
  const rank = (name: string) => (stores.includes(name) ? 0 : name.endsWith('-front') ? 2 : 1);
  const names = workloads
    .flatMap(({ metadata: { name }, spec }) =>
      // A second gateway shows that one can go.
      Array.from({ length: name.endsWith('-mcp-gateway') ? Number(spec?.replicas ?? 1) : 1 }, (_, at) => ({
        service: name,
        name: at === 0 ? name : `${name}-${at + 1}`,
      })),
    )
    .sort((left, right) => rank(left.name) - rank(right.name));
  const addressed = names.map((it, at) => ({
    ...it,
    address: `${subnet}.${it.name.endsWith('-front') ? 254 : at + 10}`,
  }));
  const pods = addressed.map(({ service, name, address }) => {
    const workload = workloads.find(({ metadata }) => metadata.name === service);
    if (workload === undefined) throw new Error(`no workload ${service}`);
    // as: both kinds have a template of a pod.
    const template = structuredClone(workload.spec?.template) as PodTemplate;
    template.spec.hostAliases = addressed
      .filter((it) => it.service !== service)
      .map((it) => ({ ip: it.address, hostnames: [it.name] }));
    for (const container of template.spec.containers) {
      container.image = `localhost/${container.image}`;
      // Podman publishes what is named here on the host, where pods would meet, and has no timers to ask probes by.
      for (const field of ['ports', 'startupProbe', 'livenessProbe', 'readinessProbe'] as const)
        delete container[field];
    }
    const { volumes = [], securityContext } = template.spec;
    if (workload.kind === 'StatefulSet') volumes.push({ name: 'data', emptyDir: {} });
    const claims = volumes
      .filter(({ emptyDir, persistentVolumeClaim: claim }) => emptyDir !== undefined || claim !== undefined)
      .map((volume) => {
        const claimName = volume.persistentVolumeClaim?.claimName ?? `${name}-${volume.name}`;
        delete volume.emptyDir;
        volume.persistentVolumeClaim = { claimName };
        return claimOf(claimName, securityContext.fsGroup);
      });
    const asConfig = volumes.flatMap((volume) => withoutSecret(volume, secrets));
    const pod = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { labels: template.metadata.labels, name },
      spec: template.spec,
    };
    const files = [...config, ...asConfig, ...claims, pod];
    return { name, address, yaml: withBoth(files.map((file) => stringify(file)).join('---\n')) };
  });
  return {
    secrets: secrets.map(({ metadata, data }) => ({ name: metadata.name, json: JSON.stringify(data ?? {}) })),
    pods,
  };
}

/** Podman 4.3 mounts no Secret: its files come by a ConfigMap. */
function withoutSecret(volume: Volume, secrets: readonly Manifest[]): Manifest[] {
  const { secret } = volume;
  if (secret === undefined) return [];
  const name = `${secret.secretName}-${volume.name}`;
  const data = secrets.find(({ metadata }) => metadata.name === secret.secretName)?.data ?? {};
  const files = secret.items.map(({ key, path }) => [
    path,
    Buffer.from(data[key] ?? '', 'base64').toString(),
  ]);
  delete volume.secret;
  volume.configMap = { name };
  return [
    { ...{ apiVersion: 'v1' }, kind: 'ConfigMap', metadata: { name }, data: Object.fromEntries(files) },
  ];
}

/** A Service spreads calls over two gateways; here the front names both. */
function withBoth(config: string): string {
  return (
    config
      .replace(/^( *)server gateway (\S+):8080$/m, '$1server gateway-1 $2:8080\n$1server gateway-2 $2-2:8080')
      // Podman follows an image's link from /var/run to /run on the host.
      .replaceAll('/var/run/', '/run/')
  );
}

/** A cluster gives a volume to the pod's fsGroup; Podman is told whose it is, of what is empty at first as well. */
function claimOf(name: string, group: number): Manifest {
  const annotations = { 'volume.podman.io/uid': `${group}`, 'volume.podman.io/gid': `${group}` };
  const spec = { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } };
  return {
    ...{ apiVersion: 'v1' },
    kind: 'PersistentVolumeClaim',
    metadata: { name, ...{ annotations } },
    spec,
  };
}
