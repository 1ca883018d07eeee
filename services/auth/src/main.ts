import { readEnv, runService } from '@inferry/runtime';
import { createAuthService } from './index.ts';

await runService({
  name: 'auth',
  env: readEnv(),
  create: (parts) => createAuthService(parts, {}),
});
