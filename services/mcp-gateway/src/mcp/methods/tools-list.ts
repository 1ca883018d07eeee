import { refuseParams } from '../../refusal.ts';
import type { Exchange, Method, Reply } from '../exchange.ts';

/** The list depends on the caller's scopes and on request headers, so no cache may share it. */
const cacheFields = '"ttlMs":300000,"cacheScope":"private",';

/** The list of the legacy era: one page, made beforehand. */
export const listToolsLegacy: Method = (exchange) => refuseCursor(exchange) ?? exchange.view.list;

export const listToolsModern: Method = (exchange) =>
  refuseCursor(exchange) ?? `{${cacheFields}${exchange.view.list.slice(1)}`;

/** Everything fits one page, so no cursor was ever handed out; some clients send an empty one for the first page. */
function refuseCursor({ request }: Exchange): Reply {
  const { cursor } = request.params;
  if (cursor === undefined || cursor === '' || cursor === null) return undefined;
  return refuseParams(['invalid_cursor', 'This cursor was not handed out here. List again without one.']);
}
