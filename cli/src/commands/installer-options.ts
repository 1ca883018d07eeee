/** The options of `inferry add` and `inferry remove`, apart from what they do: help and completion read them too. */

import { clientKinds } from '@inferry/clients';
import { ConfigError } from '@inferry/runtime';
import { type Command, InvalidArgumentError, Option } from 'commander';

/** Of a system that was started with nothing set. */
export const defaultUrl = 'http://localhost:8080/mcp';

/** Of `inferry add`. */
export function addOptions(command: Command): Command {
  return shared(command)
    .addOption(
      new Option(
        '--mode <mode>',
        'hosted: the client signs in over HTTP, no key on disk; local: it starts a process',
      )
        .choices(['hosted', 'local'])
        .default('hosted'),
    )
    .option('--url <url>', `address of the hosted server (default: ${defaultUrl})`, parseUrl)
    .option('--version <version>', 'version of the package that local mode starts');
}

/** Of `inferry remove`: those that both have. */
export const removeOptions = shared;

function shared(command: Command): Command {
  const ids = clientKinds.map(({ id }) => id).join(', ');
  return command
    .option('--client <ids>', `which clients, separated by commas: ${ids}; or all`, (ids) => ids.split(','))
    .option(
      '--profile <profile>',
      'which of the servers: inferry, modelrunner, runflow, runpod, runware',
      'inferry',
    )
    .addOption(
      new Option('--scope <scope>', "the person's configuration, or that of the project in this folder")
        .choices(['user', 'project'])
        .default('user'),
    )
    .option('--name <name>', 'name of the entry (default: the profile)')
    .option('--replace', 'also an entry of this name that somebody else wrote', false)
    .option('-y, --yes', 'ask nothing', false)
    .option('--dry-run', 'show the changes and write nothing', false)
    .option('--json', 'print what was done as JSON', false);
}

function parseUrl(given: string): string {
  const url = URL.parse(given);
  if (url === null || (url.protocol !== 'https:' && url.protocol !== 'http:')) {
    throw new InvalidArgumentError('It has to begin with https:// or http://.');
  }
  if (url.username !== '' || url.password !== '') {
    throw new InvalidArgumentError('A password has no place in an address.');
  }
  return given;
}

/** What was given, or what is wrong with it in one line; the words are in `command.args`. */
export async function parseOptions<O extends object>(command: Command, args: readonly string[]): Promise<O> {
  command.exitOverride().configureOutput({ writeErr: () => undefined });
  try {
    command.parse(args, { from: 'user' });
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code !== 'commander.helpDisplayed') {
      const said = error.message.replace(/^error: /, '').replace(/\.$/, '');
      throw new ConfigError([`${said}; inferry ${command.name()} --help says more`]);
    }
    throw error;
  }
  return command.opts<O>();
}
