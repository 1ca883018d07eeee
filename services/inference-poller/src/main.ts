import { readEnv, runService } from '@inferry/runtime';
import { inferenceDefinition } from './definition.ts';

await runService(inferenceDefinition, readEnv());
