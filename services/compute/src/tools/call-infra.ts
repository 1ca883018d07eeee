/** A call by the platform's own name, as the profiles of that platform make it. */
import type { Handler } from '@inferry/bus';
import { AppError, type callInfra } from '@inferry/contracts';
import type { ControlPlanes } from '../control-planes.ts';

export function handleCallInfra({ planes }: { planes: ControlPlanes }): Handler<typeof callInfra> {
  return async ({ provider, edition, call: name, input, accepted, required }, context) => {
    const plane = planes.of(provider);
    if (plane.call === undefined) {
      throw new AppError('tool_not_available', `${plane.title} has no calls of its own.`);
    }
    const { agent, agentVersion, isOverStdio } = context.client ?? {};
    const caller = {
      name: agent ?? 'unknown',
      version: agentVersion ?? 'unknown',
      transport: isOverStdio === true ? 'stdio' : 'http',
    } as const;
    const own = { name, edition, args: input, accepted, required, caller };
    const { body, isError, cause } = await planes.with(plane, context, async (platform) => {
      // Bound to its plane: it is a method.
      const answer = await plane.call?.(own, platform);
      return answer ?? { body: null };
    });
    return { body, ...(isError === true && { is_error: true }), ...(cause && { error: cause.toEnvelope() }) };
  };
}
