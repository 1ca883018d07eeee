import { readEnv } from '@inferry/runtime';
import { commands, runCommand } from './commands/index.ts';

const [name = '', ...args] = process.argv.slice(2);
process.exitCode = await runCommand(commands, { name, args, env: readEnv() });
