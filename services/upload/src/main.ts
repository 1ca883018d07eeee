import { readEnv, runService } from '@inferry/runtime';
import { uploadDefinition } from './definition.ts';

await runService(uploadDefinition, readEnv());
