import type { WaitBudget } from '@inferry/contracts';
import { z } from 'zod';

const Seconds = z.int().min(0).max(600);
const Budget = z
  .object({ default: Seconds, max: Seconds })
  .refine(({ default: usual, max }) => usual <= max, 'default is above max');

/** How long calls of one kind of client may wait, and what it is sent. */
export const ClientRow = z.object({
  /** Matched against the client's own name, whatever its case. */
  client: z.string().min(1).max(200),
  /** Without a progress token the client sees nothing until the end. */
  silent: Budget.optional(),
  /** With a progress token and a stream the client sees that work goes on. */
  withProgress: Budget.optional(),
  /** `none`: it is sent no `resource_link`, since it fails on one or shows it as text beside the same URL. */
  links: z.enum(['all', 'none']).optional(),
});
export type ClientRow = z.infer<typeof ClientRow>;

/** Rows are tried in order. */
export const ClientRows = z.array(ClientRow).max(200);

/**
 * What is known about clients that differ from the safe default. Codex gives up after 60 s whatever it hears,
 * Claude Desktop and claude.ai after 4 minutes, Claude Code after 5 minutes without a byte. LangChain makes a file of a
 * `resource_link`, which the APIs of models refuse, so that an agent dies after its run was paid; the AI SDK, mcp-use and
 * OpenAI's Agents print one as JSON, Gemini CLI in words, beside the text that has the same link.
 */
export const knownClients: readonly ClientRow[] = [
  { client: 'codex', silent: { default: 45, max: 50 }, withProgress: { default: 45, max: 50 } },
  { client: 'claude-code', silent: { default: 45, max: 240 }, withProgress: { default: 240, max: 600 } },
  { client: 'claude-ai', silent: { default: 45, max: 45 }, withProgress: { default: 180, max: 220 } },
  { client: 'claude desktop', silent: { default: 45, max: 45 }, withProgress: { default: 180, max: 220 } },
  { client: '@langchain/mcp-adapters', links: 'none' },
  { client: 'ai-sdk-mcp-client', links: 'none' },
  { client: 'mcp-use', links: 'none' },
  { client: 'gemini-cli', links: 'none' },
  { client: 'streamable-http: http', links: 'none' },
];

/**
 * Of a client that no row names. Many give up 30 s after they asked, whatever they hear, and most do not say so; one
 * that asks for longer waits knows better, if it sees that work goes on.
 */
const safeSeconds = 25;

export interface ClientTable {
  /** The waiting time of a call; `sees` says whether the client follows its progress. */
  budget(clientName: string, sees: 'progress' | 'nothing'): WaitBudget;
  /** Whether the client has a use for a `resource_link`: the text says the same URL. */
  takesLinks(clientName: string): boolean;
}

interface PreparedRow {
  client: string;
  progress: WaitBudget;
  nothing: WaitBudget;
  takesLinks: boolean;
}

export function createClientTable(rows: readonly ClientRow[], ceilingSeconds: number): ClientTable {
  const unknown: PreparedRow = {
    client: '',
    progress: within({ default: safeSeconds, max: ceilingSeconds }, ceilingSeconds),
    nothing: within({ default: safeSeconds, max: 45 }, ceilingSeconds),
    takesLinks: true,
  };
  const prepared: PreparedRow[] = rows.map(({ client, silent, withProgress, links }) => ({
    client: client.toLowerCase(),
    progress: withProgress === undefined ? unknown.progress : within(withProgress, ceilingSeconds),
    nothing: silent === undefined ? unknown.nothing : within(silent, ceilingSeconds),
    takesLinks: links !== 'none',
  }));

  function rowOf(clientName: string): PreparedRow {
    if (clientName === '') return unknown;
    const name = clientName.toLowerCase();
    return prepared.find(({ client }) => name.includes(client)) ?? unknown;
  }

  return {
    budget: (clientName, sees) => rowOf(clientName)[sees],
    takesLinks: (clientName) => rowOf(clientName).takesLinks,
  };
}

function within({ default: usual, max }: z.infer<typeof Budget>, ceilingSeconds: number): WaitBudget {
  return {
    defaultSeconds: Math.min(usual, ceilingSeconds),
    maxSeconds: Math.min(max, ceilingSeconds),
  };
}
