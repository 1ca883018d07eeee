import { readEnv, runService } from '@inferry/runtime';
import { catalogDefinition } from './definition.ts';

await runService(catalogDefinition, readEnv());
