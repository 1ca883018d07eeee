import type { Bus } from '@inferry/bus';
import { isObject } from '@inferry/contracts';
import type { RunRounds } from '../client/rounds.ts';
import type { Method } from '../exchange.ts';
import { refuseParams } from '../json-rpc.ts';
import { refuseFailure } from '../surfaces/refuse-failure.ts';
import { ownerOfPrompt, type Surfaces } from '../surfaces/surfaces.ts';

const unknownPrompt = refuseParams(['prompt_not_found', 'There is no such prompt here.'], {
  nextAction: 'Call prompts/list for what there is.',
});

export interface GetPromptDeps {
  bus: Bus;
  surfaces: Surfaces;
  rounds: RunRounds;
}

/** Passes a prompt's arguments on to the service that offers it. */
export function getPrompt({ bus, surfaces, rounds }: GetPromptDeps): Method {
  return async (exchange) => {
    const { request, principal, channel } = exchange;
    const { name, arguments: sent } = request.params;
    const args = withoutNulls(sent ?? {});
    if (typeof name !== 'string') return refuseParams(['validation_failed', 'params.name must be a string.']);
    if (!isTexts(args)) {
      return refuseParams(['validation_failed', 'params.arguments must be an object of strings.']);
    }
    const { offered } = await surfaces.view(exchange);
    const owner = ownerOfPrompt(offered, name);
    if (owner === undefined) return unknownPrompt;
    try {
      const { signal } = channel;
      const input = { name: owner.promptNames?.get(name) ?? name, arguments: args };
      return await rounds(exchange, async (client) =>
        JSON.stringify(await bus.call(owner.surface.getPrompt, input, { principal, signal, client })),
      );
    } catch (error) {
      return refuseFailure(error);
    }
  };
}

/** Models write null for what they leave out. */
export function withoutNulls(value: unknown): unknown {
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.entries(value).filter(([, item]) => item !== null));
}

export function isTexts(value: unknown): value is Record<string, string> {
  return isObject(value) && Object.values(value).every((item) => typeof item === 'string');
}
