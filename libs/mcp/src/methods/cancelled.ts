import type { Bus } from '@inferry/bus';
import { callCancelled } from '@inferry/contracts';
import type { Listener } from '../exchange.ts';
import type { InFlight } from '../in-flight.ts';
import { isExactNumber, isRequestId } from '../json-rpc.ts';

/** Ends a call of the same user and session on whichever replica holds it (MCP 2025-11-25, cancellation). */
export function onCancelled({ bus, inFlight }: { bus: Bus; inFlight: InFlight }): Listener {
  return ({ params }, { principal, session }) => {
    const { requestId } = params;
    if (!isRequestId(requestId)) return;
    const { subject } = principal;
    // Most often the call is here; the bus reaches the other replicas.
    if (inFlight.cancel({ subject, session, requestId })) return;
    const request_id = isExactNumber(requestId) ? Number(requestId.rawJSON) : requestId;
    bus.publish(callCancelled, { subject, session, request_id });
  };
}
