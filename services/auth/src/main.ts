import { readEnv, runService } from '@inferry/runtime';
import { authDefinition } from './definition.ts';

await runService(authDefinition, readEnv());
