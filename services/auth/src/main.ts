import { readEnv, runService } from '@inferry/runtime';
import { createAuthService, parseAuthConfig } from './index.ts';

await runService({
  name: 'auth',
  env: readEnv(),
  create: (parts, { env }) => createAuthService(parts, parseAuthConfig(env)),
});
