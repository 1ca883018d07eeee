import { readEnv } from '@inferry/runtime';
import { commands, runCommand } from './commands/index.ts';

const [name = '', ...args] = process.argv.slice(2);
const code = await runCommand(commands, { name, args, env: readEnv() });
// Without a code the command goes on until it is stopped.
if (code !== undefined) process.exit(code);
