import type { ProviderState } from '@inferry/contracts';

export interface Banner {
  mcpUrl: string;
  home: string;
  auth: 'none' | 'keys' | 'oauth';
  providers: readonly ProviderState[];
  startedInMs: number;
}

const access: Record<Banner['auth'], string> = {
  none: 'this machine only, no token needed',
  keys: 'API keys: npm run keys -- create --name me',
  oauth: 'people sign in with a browser; API keys: npm run keys -- create --name me',
};

/** What a person sees when the system is up: where it is, what is ready, how to connect. */
export function formatBanner({ mcpUrl, home, auth, providers, startedInMs }: Banner): string {
  const shown = providers.map(
    (provider) => `${provider.title} (${provider.models} models${provider.ready ? '' : ', not ready'})`,
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

function codexLine(mcpUrl: string, auth: Banner['auth']): string {
  const line = `codex mcp add inferry --url ${mcpUrl}`;
  return auth !== 'keys' ? line : `${line} --bearer-token-env-var INFERRY_KEY`;
}
