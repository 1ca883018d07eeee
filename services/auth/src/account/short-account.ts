/**
 * An account that costs an agent little: whole where it fits a kilobyte, else with what decides what can be run and what was
 * spent, and with the calls that have the rest. Whoever names sections gets them as they are.
 */
import { callOf, getAccount, hint, mostThatIsShort } from '@inferry/contracts';
import type { Account } from './sections.ts';

type Part = Record<string, unknown>;

/** `isShort` says of an account whether its result is short. */
export function shortenAccount(account: Account, isShort: (account: Account) => boolean): Account {
  const { usage, ...rest } = account;
  const whole: Account = usage === undefined ? rest : { ...rest, usage: withoutBuckets(usage) };
  if (isShort(whole)) return whole;
  const providers = (whole.providers ?? []).map(named);
  const brief: Account = { ...whole, ...(whole.providers === undefined ? {} : { providers }) };
  if (isShort(brief)) return brief;
  const names = ['providers', 'balance', 'budgets'] as const;
  const fewer = (count: number): Account => {
    const cut = names.filter((name) => (brief[name]?.length ?? 0) > count);
    const lists = Object.fromEntries(cut.map((name) => [name, brief[name]?.slice(0, count)]));
    const next = hint`${callOf(getAccount, { sections: cut })} for all of them`;
    return { ...brief, ...lists, ...(cut.length === 0 ? {} : { next_action: next }) };
  };
  return fewer(mostThatIsShort(0, 100, (count) => isShort(fewer(count))));
}

/** Where money went is asked for; how much of it is told. */
function withoutBuckets({ buckets: _buckets, bucket: _bucket, ...totals }: Part): Part {
  return totals;
}

function named({ slug, connected, key_ok: isGood, models, error }: Part): Part {
  return error === undefined ? { slug, connected, key_ok: isGood, models } : { error };
}
