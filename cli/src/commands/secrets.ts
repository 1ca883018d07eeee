/** What each service needs of INFERRY_SECRET, printed for whoever starts services elsewhere than here. */
import { parseArgs } from 'node:util';
import {
  ConfigError,
  type Env,
  parseRuntimeConfig,
  Secret,
  secretVariables,
  serviceNames,
} from '@inferry/runtime';

/**
 * `npm run secrets`: what each service needs of INFERRY_SECRET, as variables by service, so that no service has to be given
 * INFERRY_SECRET itself. `--kubernetes inferry` prints them as manifests of Secrets, `inferry-auth` and so on.
 */
export async function secrets(args: readonly string[], env: Env): Promise<number> {
  const { secret } = parseRuntimeConfig(env);
  if (secret === undefined)
    throw new ConfigError(['INFERRY_SECRET: must be set; openssl rand -hex 32 makes one']);
  const { values, positionals } = parseArgs({
    args: [...args],
    options: { kubernetes: { type: 'string' } },
    allowPositionals: true,
  });
  const prefix = values.kubernetes;
  for (const name of positionals.length === 0 ? serviceNames : positionals) {
    const variables = secretVariables(name, new Secret(secret), positionals);
    process.stdout.write(
      prefix === undefined ? toLines(name, variables) : toManifest(`${prefix}-${name}`, variables),
    );
  }
  return 0;
}

function toLines(name: string, variables: Record<string, string>): string {
  const lines = Object.entries(variables).map(([variable, value]) => `${variable}=${value}\n`);
  return [`# ${name}\n`, ...lines].join('');
}

/** JSON is YAML: `kubectl apply -f -` takes several of them with lines between. */
function toManifest(name: string, variables: Record<string, string>): string {
  const manifest = { apiVersion: 'v1', kind: 'Secret', metadata: { name }, stringData: variables };
  return `---\n${JSON.stringify(manifest, undefined, 2)}\n`;
}
