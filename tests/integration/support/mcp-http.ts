/** A tool call over plain HTTP, as `curl` would make it (2025-11-25, no session). */
export interface CallOutcome {
  /** HTTP status; 0 when the connection broke. */
  status: number;
  isError: boolean;
  structured: Record<string, unknown>;
  tookMs: number;
  /** The replica that answered, where what stands in front says so. */
  servedBy?: string | undefined;
  /** How the connection broke. */
  broken?: string | undefined;
}

export interface CallRequest {
  tool: string;
  args: Record<string, unknown>;
  timeoutMs: number;
  /** API key, where the system asks for one. */
  key?: string;
}

let lastId = 0;

export async function callTool(
  url: string,
  { tool, args, timeoutMs, key }: CallRequest,
): Promise<CallOutcome> {
  const startedAt = performance.now();
  const body = JSON.stringify({
    jsonrpc: '2.0',
    id: ++lastId,
    method: 'tools/call',
    params: { name: tool, arguments: args },
  });
  try {
    const response = await fetch(`${url}/mcp`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        accept: 'application/json',
        ...(key && { authorization: `Bearer ${key}` }),
      },
      body,
      signal: AbortSignal.timeout(timeoutMs),
    });
    // as: every answer of ours is a JSON-RPC message.
    const message = (await response.json()) as JsonRpcAnswer;
    const { result, error } = message;
    return {
      status: response.status,
      isError: error !== undefined || result?.isError === true,
      structured: result?.structuredContent ?? { error: error?.data },
      tookMs: performance.now() - startedAt,
      servedBy: response.headers.get('x-served-by') ?? undefined,
    };
  } catch (error) {
    if (error instanceof Error && error.name === 'TimeoutError')
      throw new Error(`${tool} hung for ${timeoutMs} ms`);
    const broken = error instanceof Error ? `${error.message} (${String(error.cause ?? '')})` : String(error);
    return { status: 0, isError: true, structured: {}, tookMs: performance.now() - startedAt, broken };
  }
}

interface JsonRpcAnswer {
  result?: { isError?: boolean; structuredContent?: Record<string, unknown> };
  error?: { data?: unknown };
}

export interface RunFacts {
  run_id: string;
  status: string;
}

export function runOf(outcome: CallOutcome): RunFacts | undefined {
  const run = outcome.structured.run ?? errorOf(outcome)?.details?.run;
  // as: the `run` object of docs/tools.md.
  return run as RunFacts | undefined;
}

export interface ErrorFacts {
  code: string;
  message?: string;
  retry_after_seconds?: number;
  details?: Record<string, unknown>;
}

export function errorOf(outcome: CallOutcome): ErrorFacts | undefined {
  // as: the error envelope of docs/tools.md.
  return outcome.structured.error as ErrorFacts | undefined;
}

/** With a name that nobody has, as a browser sends the form; the status that it is refused with. */
export async function signInWrongly(url: string): Promise<number> {
  const page = await fetch(`${url}/account`);
  const text = await page.text();
  const cookie = page.headers
    .getSetCookie()
    .map((one) => one.split(';')[0])
    .join('; ');
  const [, csrf = ''] = /name="csrf" value="([^"]+)"/.exec(text) ?? [];
  const [, action = ''] = /<form method="post" action="([^"]+)"/.exec(text) ?? [];
  const body = new URLSearchParams({ csrf, driver: 'local', user_name: 'nobody', password: 'wrong' });
  const headers = { cookie, origin: url };
  const response = await fetch(new URL(action, url), { method: 'POST', headers, body, redirect: 'manual' });
  return response.status;
}
