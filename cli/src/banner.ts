import type { ProviderState } from '@inferry/contracts';

export interface Banner {
  mcpUrl: string;
  home: string;
  auth: 'none' | 'keys' | 'oauth';
  providers: readonly ProviderState[];
  startedInMs: number;
  /** Lists that were read before it are of an earlier start: what they count may have changed. */
  since: number;
}

/** A list that was read so shortly before is not read again at a start. */
const freshMs = 15_000;

const access: Record<Banner['auth'], string> = {
  none: 'this machine only, no token needed',
  keys: 'API keys: npm run keys -- create --name me',
  oauth: 'people sign in with a browser; API keys: npm run keys -- create --name me',
};

/** What a person sees when the system is up: where it is, what is ready, how to connect. */
export function formatBanner({ mcpUrl, home, auth, providers, startedInMs, since }: Banner): string {
  const shown = providers.map(
    (provider) => `${provider.title} (${countOf(provider, since)}${provider.ready ? '' : ', not ready'})`,
  );
  const header = auth === 'keys' ? ' --header "Authorization: Bearer YOUR_KEY"' : '';
  const headersJson = auth === 'keys' ? ',"headers":{"Authorization":"Bearer YOUR_KEY"}' : '';
  return [
    '',
    `Inferry is ready (${(startedInMs / 1_000).toFixed(1)} s)`,
    '',
    `  MCP address  ${mcpUrl}`,
    `  Data folder  ${home}`,
    `  Providers    ${shown.join(', ') || 'none'}`,
    `  Access       ${access[auth]}`,
    '',
    'Connect',
    `  Claude Code  claude mcp add --transport http inferry ${mcpUrl}${header}`,
    `  Cursor       ~/.cursor/mcp.json: {"mcpServers":{"inferry":{"url":"${mcpUrl}"${headersJson}}}}`,
    `  VS Code      code --add-mcp '{"name":"inferry","type":"http","url":"${mcpUrl}"${headersJson}}'`,
    `  Codex        ${codexLine(mcpUrl, auth)}`,
    '',
    'Try it: npm run demo (in another terminal). Stop: Ctrl-C.',
    '',
  ].join('\n');
}

/** Whether a list was read since the system started, or a moment before, when it is not read again. */
export function isRead({ checked_at: checkedAt }: ProviderState, since: number): boolean {
  return checkedAt !== undefined && Date.parse(checkedAt) >= since - freshMs;
}

function countOf(provider: ProviderState, since: number): string {
  if (isRead(provider, since)) return `${provider.models} models`;
  return provider.models === 0 ? 'its models are being read' : `${provider.models} models when last read`;
}

function codexLine(mcpUrl: string, auth: Banner['auth']): string {
  const line = `codex mcp add inferry --url ${mcpUrl}`;
  return auth !== 'keys' ? line : `${line} --bearer-token-env-var INFERRY_KEY`;
}
