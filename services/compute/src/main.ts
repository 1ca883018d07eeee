/** The compute service as a process of its own. */
import { readEnv, runService } from '@inferry/runtime';
import { computeDefinition } from './definition.ts';

await runService(computeDefinition, readEnv());
