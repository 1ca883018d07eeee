import type { Bus } from '@inferry/bus';
import { isObject, type JsonObject } from '@inferry/contracts';
import type { Method } from '../exchange.ts';
import { type Refusal, refuseParams } from '../json-rpc.ts';
import { refuseFailure } from '../surfaces/refuse-failure.ts';
import { type OfferedSurface, ownerOfPrompt, ownerOfTemplate, type Surfaces } from '../surfaces/surfaces.ts';
import type { CompleteResult } from '../wire.ts';
import { isTexts, withoutNulls } from './prompts-get.ts';

type Ref = { prompt: string } | { template: string };

interface Question {
  ref: Ref;
  argument: { name: string; value: string };
  context: Record<string, string>;
}

const maxText = 2_000;

/** Values for an argument of a prompt or of a resource template (MCP 2026-07-28, completion). */
export function complete({ bus, surfaces }: { bus: Bus; surfaces: Surfaces }): Method {
  return async (exchange) => {
    const { request, principal, channel } = exchange;
    const question = readQuestion(request.params);
    if (question === undefined) return malformed;
    const { offered } = await surfaces.view(exchange);
    const owner = ownerOf(offered, question.ref);
    if (owner === undefined) return refuseRef(question.ref);
    try {
      const { signal } = channel;
      const { ref } = question;
      const inner = 'prompt' in ref ? { prompt: owner.promptNames?.get(ref.prompt) ?? ref.prompt } : ref;
      const asked = { ...question, ref: inner };
      const found = await bus.call(owner.surface.complete, asked, { principal, signal });
      const { values, total, has_more: hasMore } = found;
      return JSON.stringify({ completion: { values, total, hasMore } } satisfies CompleteResult);
    } catch (error) {
      return refuseFailure(error);
    }
  };
}

const malformed = refuseParams([
  'validation_failed',
  'completion/complete needs a ref (ref/prompt with name, or ref/resource with uri) and an argument with name and value.',
]);

function readQuestion({ ref, argument, context }: JsonObject): Question | undefined {
  if (!isObject(ref) || !isObject(argument)) return undefined;
  const { name, value } = argument;
  if (!isText(name, 128) || !isText(value, maxText)) return undefined;
  const settled = withoutNulls(isObject(context) ? (context.arguments ?? {}) : {});
  const target = readRef(ref);
  if (target === undefined || !isTexts(settled)) return undefined;
  return { ref: target, argument: { name, value }, context: settled };
}

function readRef({ type, name, uri }: JsonObject): Ref | undefined {
  if (type === 'ref/prompt' && isText(name, 128)) return { prompt: name };
  if (type === 'ref/resource' && isText(uri, maxText)) return { template: uri };
  return undefined;
}

function isText(value: unknown, maxLength: number): value is string {
  return typeof value === 'string' && value.length <= maxLength;
}

function ownerOf(offered: readonly OfferedSurface[], ref: Ref): OfferedSurface | undefined {
  return 'prompt' in ref ? ownerOfPrompt(offered, ref.prompt) : ownerOfTemplate(offered, ref.template);
}

function refuseRef(ref: Ref): Refusal {
  return 'prompt' in ref
    ? refuseParams(['prompt_not_found', 'There is no such prompt here.'], {
        nextAction: 'Call prompts/list for what there is.',
      })
    : refuseParams(['resource_not_found', 'There is no such resource template here.'], {
        nextAction: 'Call resources/templates/list for what there is.',
      });
}
