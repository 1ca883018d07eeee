import type { WaitBudget } from '@inferry/contracts';
import { z } from 'zod';

const Seconds = z.int().min(0).max(600);
const Budget = z
  .object({ default: Seconds, max: Seconds })
  .refine(({ default: usual, max }) => usual <= max, 'default is above max');

/** How long calls of one kind of client may wait. */
export const WaitRow = z.object({
  /** Matched against the client's own name, whatever its case. */
  client: z.string().min(1).max(200),
  /** Without a progress token the client sees nothing until the end. */
  silent: Budget,
  /** With a progress token and a stream the client sees that work goes on. */
  withProgress: Budget,
});
export type WaitRow = z.infer<typeof WaitRow>;

/** Rows are tried in order. */
export const WaitRows = z.array(WaitRow).max(200);

/**
 * What is known about clients that differ from the safe default. Codex gives up after 60 s whatever it hears,
 * Claude Desktop and claude.ai after 4 minutes, Claude Code after 5 minutes without a byte.
 */
export const knownClients: readonly WaitRow[] = [
  { client: 'codex', silent: { default: 45, max: 50 }, withProgress: { default: 45, max: 50 } },
  { client: 'claude-code', silent: { default: 45, max: 240 }, withProgress: { default: 240, max: 600 } },
  { client: 'claude-ai', silent: { default: 45, max: 45 }, withProgress: { default: 180, max: 220 } },
  { client: 'claude desktop', silent: { default: 45, max: 45 }, withProgress: { default: 180, max: 220 } },
];

/**
 * Of a client that no row names. Many give up 30 s after they asked, whatever they hear, and most do not say so; one
 * that asks for longer waits knows better, if it sees that work goes on.
 */
const safeSeconds = 25;

export interface WaitTable {
  /** The waiting time of a call; `sees` says whether the client follows its progress. */
  budget(clientName: string, sees: 'progress' | 'nothing'): WaitBudget;
}

interface PreparedRow {
  client: string;
  progress: WaitBudget;
  nothing: WaitBudget;
}

export function createWaitTable(rows: readonly WaitRow[], ceilingSeconds: number): WaitTable {
  const prepared: PreparedRow[] = rows.map((row) => ({
    client: row.client.toLowerCase(),
    progress: within(row.withProgress, ceilingSeconds),
    nothing: within(row.silent, ceilingSeconds),
  }));
  const unknown = {
    progress: within({ default: safeSeconds, max: ceilingSeconds }, ceilingSeconds),
    nothing: within({ default: safeSeconds, max: 45 }, ceilingSeconds),
  };
  return {
    budget(clientName, sees) {
      if (clientName === '') return unknown[sees];
      const name = clientName.toLowerCase();
      return (prepared.find(({ client }) => name.includes(client)) ?? unknown)[sees];
    },
  };
}

function within({ default: usual, max }: WaitRow['silent'], ceilingSeconds: number): WaitBudget {
  return {
    defaultSeconds: Math.min(usual, ceilingSeconds),
    maxSeconds: Math.min(max, ceilingSeconds),
  };
}
