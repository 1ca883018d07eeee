import { showsApps } from '../apps/app-hosts.ts';
import type { Exchange, Method, Reply } from '../exchange.ts';
import { cursorOf, refuseCursor } from '../lists.ts';

/** The list depends on the caller's scopes and on request headers, so no cache may share it. */
const cacheFields = '"ttlMs":300000,"cacheScope":"private",';

/** The list of the legacy era: one page, made beforehand. */
export const listToolsLegacy: Method = (exchange) => refuseAnyCursor(exchange) ?? listFor(exchange);

export const listToolsModern: Method = (exchange) =>
  refuseAnyCursor(exchange) ?? `{${cacheFields}${listFor(exchange).slice(1)}`;

/** Servers are to look at what a client shows before they tell of views (MCP Apps, capability negotiation). */
function listFor({ view, capabilities }: Exchange): string {
  return showsApps(capabilities) ? view.appList : view.list;
}

/** Everything fits one page, so no cursor was ever handed out. */
function refuseAnyCursor(exchange: Exchange): Reply {
  return cursorOf(exchange) === undefined ? undefined : refuseCursor();
}
