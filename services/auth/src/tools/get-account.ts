import type { Handler } from '@inferry/bus';
import { AppError, accountSections, type getAccount, type Principal, toAppError } from '@inferry/contracts';
import { type Position, positions } from '../account/positions.ts';
import {
  type Account,
  type Reading,
  type SectionName,
  type SectionPage,
  sections,
} from '../account/sections.ts';
import { shortenAccount } from '../account/short-account.ts';
import type { AuthDeps } from '../deps.ts';

const defaultSections: readonly SectionName[] = ['identity', 'providers', 'balance', 'usage', 'budgets'];

/** Whoever may use machines is told what runs; nobody else has any. */
function usualSections({ scopes }: Principal): readonly SectionName[] {
  return scopes.includes('infra') ? [...defaultSections, 'machines'] : defaultSections;
}

/** The caller's own mistakes and wishes: these end the whole call, anything else only its section. */
const callerCodes = new Set(['invalid_cursor', 'validation_failed', 'cancelled']);

export function handleGetAccount(
  deps: Pick<AuthDeps, 'bus' | 'limits' | 'log' | 'credentialLimit' | 'subjectLimit'>,
): Handler<typeof getAccount> {
  return async (input, context) => {
    const { since, until, bucket, provider, cursor } = input;
    const asked = input.sections?.length ? input.sections : usualSections(context.principal);
    const query = [context.principal.subject, [...asked].sort(), since, until, bucket, provider];
    const from: Position = cursor === undefined ? {} : positions.read(query, cursor);
    const reading: Reading = { deps, input, context, from };
    const mayAskMachines = context.principal.scopes.includes('infra');
    const wanted = accountSections
      .filter((name) => name !== 'machines' || mayAskMachines)
      .filter((name) => asked.includes(name) && isOnPage(name, { cursor, from }));

    const pages = await Promise.all(wanted.map((name) => readSection(deps, name, reading)));

    const account: Account = Object.assign({}, ...pages.map(({ part }) => part));
    // Unasked it is told of machines that run, and of nothing else about them.
    if (!input.sections?.length && !(Number(account.machines?.running) > 0)) delete account.machines;
    const next: Position = Object.assign({}, ...pages.map((page) => page.next));
    // What is left out of usage in short is not another page.
    if (Object.keys(next).length > 0) account.page = { next_cursor: positions.write(query, next) };
    return input.sections?.length || input.limit !== undefined || cursor !== undefined
      ? account
      : shortenAccount(account, context.isShort);
  };
}

/** The first page has every section; later ones only what goes on. */
function isOnPage(
  name: SectionName,
  { cursor, from }: { cursor: string | undefined; from: Position },
): boolean {
  return (
    cursor === undefined ||
    (name === 'providers' && from.providers !== undefined) ||
    (name === 'usage' && from.usage !== undefined)
  );
}

async function readSection(
  { log }: Pick<AuthDeps, 'log'>,
  name: SectionName,
  reading: Reading,
): Promise<SectionPage> {
  try {
    return await sections[name].read(reading);
  } catch (error) {
    const known = toAppError(error);
    if (callerCodes.has(known.code)) throw known;
    if (!(error instanceof AppError))
      log.warn({ err: error, section: name }, 'a section of an account failed');
    return { part: sections[name].failed(known.toEnvelope()) };
  }
}
