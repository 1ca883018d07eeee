import type { Queries } from '../database.ts';

export interface Membership {
  team: string;
  subject: string;
}

export async function addTeamMember(queries: Queries, membership: Membership): Promise<void> {
  await queries
    .insertInto('team_members')
    .values(membership)
    .onConflict((conflict) => conflict.columns(['subject', 'team']).doNothing())
    .execute();
}

/** False when the subject was no member. */
export async function removeTeamMember(queries: Queries, { team, subject }: Membership): Promise<boolean> {
  const removed = await queries
    .deleteFrom('team_members')
    .where('team', '=', team)
    .where('subject', '=', subject)
    .returning('team')
    .executeTakeFirst();
  return removed !== undefined;
}

export async function listTeamMembers(queries: Queries): Promise<Membership[]> {
  return queries
    .selectFrom('team_members')
    .selectAll()
    .orderBy('team')
    .orderBy('subject')
    .limit(10_000)
    .execute();
}
