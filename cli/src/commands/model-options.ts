/** The options of `inferry models`, `run` and `runs`, apart from what they do: help and completion read them too. */
import { type Command, InvalidArgumentError, Option } from 'commander';

const statuses = ['queued', 'running', 'succeeded', 'failed', 'cancelled', 'expired'];

export interface WhereOptions {
  url?: string;
  json: boolean;
}

export interface ModelsOptions extends WhereOptions {
  provider?: string;
  category?: string;
  limit: number;
}

export interface RunOptions extends WhereOptions {
  maxCost?: number;
  dryRun: boolean;
  ref?: string;
  out: string;
  save: boolean;
  wait: boolean;
}

export interface RunsOptions extends WhereOptions {
  status?: string;
  model?: string;
  limit: number;
  out?: string;
  cancel: boolean;
}

export function modelsOptions(command: Command): Command {
  return where(command)
    .argument('[words...]', 'what to look for, or the id of one model')
    .option('--provider <provider>', 'those of one platform')
    .option('--category <category>', 'e.g. image, video, audio, text, text-to-image')
    .option('--limit <count>', 'how many at most', toCount, 20);
}

export function runOptions(command: Command): Command {
  return where(command)
    .argument('<model>', 'its id, e.g. local/speech (inferry models lists them)')
    .argument('[inputs...]', 'key=value, key=@file, or @file for the first input that takes one')
    .option('--max-cost <amount>', 'refuse when it would cost more', toAmount)
    .option('--dry-run', 'check the input and tell the cost; run nothing', false)
    .option('--ref <ref>', 'idempotency key: the same one is the same run')
    .option('--out <folder>', 'where outputs are saved', '.')
    .option('--no-save', 'save no outputs, print their links')
    .option('--no-wait', 'return as soon as the run is taken');
}

export function runsOptions(command: Command): Command {
  return where(command)
    .argument('[run-id]', 'one run with its outputs; without it the latest runs')
    .addOption(new Option('--status <status>', 'those that are').choices(statuses))
    .option('--model <model>', 'those of one model')
    .option('--limit <count>', 'how many at most', toCount, 20)
    .option('--out <folder>', 'save the outputs of the run there')
    .option('--cancel', 'cancel the run', false);
}

function where(command: Command): Command {
  return command
    .option(
      '--url <url>',
      'a server to ask (INFERRY_URL, with a key in INFERRY_KEY); default: this machine alone',
    )
    .option('--json', 'print the answer as JSON', false);
}

function toCount(given: string): number {
  const count = Number(given);
  if (Number.isInteger(count) && count >= 1 && count <= 200) return count;
  throw new InvalidArgumentError('It has to be a number from 1 to 200.');
}

function toAmount(given: string): number {
  const amount = Number(given);
  if (given.trim() !== '' && amount >= 0) return amount;
  throw new InvalidArgumentError('It has to be an amount of 0 or more.');
}
