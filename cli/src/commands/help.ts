/** The command line as a whole: help, the version, completion for shells, and what was mistyped. */
import tab from '@bomb.sh/tab/commander';
import { Command, CommanderError } from 'commander';
import type { CommandTable } from './index.ts';
import { addOptions, removeOptions } from './installer-options.ts';
import { modelsOptions, runOptions, runsOptions } from './model-options.ts';

const described: Readonly<Record<string, (command: Command) => Command>> = {
  add: addOptions,
  remove: removeOptions,
  models: modelsOptions,
  run: runOptions,
  runs: runsOptions,
};

/** Prints what was asked for, or what is wrong with the words; resolves with the exit code. */
export async function answerHelp(
  table: CommandTable,
  { words, version }: { words: readonly string[]; version: string },
): Promise<number> {
  const program = new Command('inferry')
    .description('One MCP server for AI inference over many platforms.')
    .version(version)
    .exitOverride()
    .showSuggestionAfterError();
  for (const [name, entry] of Object.entries(table)) {
    const command = program.command(name).description(entry.summary).exitOverride();
    const describe = Object.hasOwn(described, name) ? described[name] : undefined;
    if (describe === undefined) command.usage(entry.usage);
    else describe(command);
    const examples = entry.examples.map((example) => `  inferry ${example}`);
    command.addHelpText('after', `\nExamples:\n${examples.join('\n')}`);
  }
  tab(program, { completionCommandName: 'completion' });
  try {
    const asked = words.filter((word) => word !== '');
    await program.parseAsync(asked.length === 0 ? ['--help'] : asked, { from: 'user' });
    return 0;
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return error.exitCode === 0 ? 0 : 2;
  }
}
