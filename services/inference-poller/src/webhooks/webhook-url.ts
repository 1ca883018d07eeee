import { callOf, getRun, hint, isPrivateHost, type Problem } from '@inferry/contracts';
import { allowedPorts, isAllowedPort } from '@inferry/runtime/public-agent';
import type { WebhookSettings } from '../deps.ts';

const path = 'webhook';

/** Why a webhook cannot be taken; undefined when it can. Where its name leads is checked at each connect. */
export function webhookProblem(value: string, settings: WebhookSettings): Problem | undefined {
  if (settings.secret === undefined) {
    return {
      path,
      message: 'is not offered here',
      hint: `leave it out${hint` and follow the run with ${callOf(getRun)}`}`,
    };
  }
  const url = URL.canParse(value) ? new URL(value) : undefined;
  if (url === undefined) return { path, message: 'is not a URL', hint: 'https://…' };
  if (url.username !== '' || url.password !== '') {
    return { path, message: 'holds a user name or password', hint: 'verify the signature instead' };
  }
  if (settings.allowLoopback && isLoopbackUrl(url)) return undefined;
  if (url.protocol !== 'https:') return { path, message: 'is not https', hint: 'https://…' };
  if (isPrivateHost(url.hostname)) {
    return { path, message: 'names a private host', hint: 'a host on the public internet' };
  }
  if (!isAllowedPort(url.port)) {
    return { path, message: `has port ${url.port}`, hint: `ports ${allowedPorts} are allowed` };
  }
  return undefined;
}

export function isLoopbackUrl(url: URL): boolean {
  return url.protocol === 'http:' && ['127.0.0.1', '[::1]'].includes(url.hostname);
}
