/** Which version of Runpod's control plane answers for which kind of resource, as the environment says. */
import { ConfigError } from '@inferry/contracts';

export type RestVersion = 'v1' | 'v2' | 'auto';

/** Kinds of resources with a version of their own: `RUNPOD_REST_VERSION_<KIND>`. Jobs are always of the runtime. */
export const restKinds = [
  'PODS',
  'ENDPOINTS',
  'JOBS',
  'TEMPLATES',
  'NETWORK_VOLUMES',
  'REGISTRIES',
  'DELEGATIONS',
  'GPUS',
  'CPUS',
  'DATA_CENTERS',
  'BILLING',
] as const;
export type RestKind = (typeof restKinds)[number];

export type RestVersions = Readonly<Record<RestKind, RestVersion>>;

const general = 'RUNPOD_REST_VERSION';

/** The variables that are read, each with its meaning. */
export const restVersionSettings: Readonly<Record<string, string>> = {
  [general]:
    'Which version of the control plane is called: v2 (default), v1, or auto (v2, and v1 where that is not there).',
  ...Object.fromEntries(
    restKinds.map((kind) => [
      `${general}_${kind}`,
      `The same for ${said(kind)} alone; it goes before ${general}.`,
    ]),
  ),
};

/** Throws on a version that there is not, in one line for each variable. An empty variable is an unset one. */
export function parseRestVersions(settings: Readonly<Record<string, string | undefined>>): RestVersions {
  const problems: string[] = [];
  const read = (name: string): RestVersion | undefined => {
    const version = settings[name]?.trim().toLowerCase();
    if (version === undefined || version === '') return undefined;
    if (version === 'v1' || version === 'v2' || version === 'auto') return version;
    problems.push(`${name}: "${version.slice(0, 20)}" is neither v1, v2 nor auto`);
    return undefined;
  };
  const usual = read(general) ?? 'v2';
  const versions = Object.fromEntries(restKinds.map((kind) => [kind, read(`${general}_${kind}`) ?? usual]));
  if (problems.length > 0) throw new ConfigError(problems);
  // as: built from the list of kinds just above.
  return versions as Record<RestKind, RestVersion>;
}

function said(kind: RestKind): string {
  return kind.toLowerCase().replaceAll('_', ' ');
}
