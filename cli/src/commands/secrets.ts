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
 * INFERRY_SECRET itself.
 */
export async function secrets(args: readonly string[], env: Env): Promise<number> {
  const { secret } = parseRuntimeConfig(env);
  if (secret === undefined)
    throw new ConfigError(['INFERRY_SECRET: must be set; openssl rand -hex 32 makes one']);
  const names = args.length === 0 ? serviceNames : args;
  for (const name of names) {
    process.stdout.write(`# ${name}\n`);
    for (const [variable, value] of Object.entries(secretVariables(name, new Secret(secret), args)))
      process.stdout.write(`${variable}=${value}\n`);
  }
  return 0;
}
