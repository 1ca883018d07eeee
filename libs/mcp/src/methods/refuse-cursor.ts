import type { Exchange } from '../exchange.ts';
import { type Refusal, refuseParams } from '../refusal.ts';

/** The cursor that a client sends; some clients send an empty one, or null, for the first page. */
export function cursorOf({ request }: Exchange): unknown {
  const { cursor } = request.params;
  return cursor === '' || cursor === null ? undefined : cursor;
}

export function refuseCursor(): Refusal {
  return refuseParams(['invalid_cursor', 'This cursor was not handed out here. List again without one.']);
}
