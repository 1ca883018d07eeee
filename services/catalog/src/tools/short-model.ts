/**
 * A description of a model that costs an agent little: whole where it fits a kilobyte, else with what a first run needs, and
 * with the call that has the rest. Whoever names sections gets them as they are.
 */
import { callOf, clip, getModel, hint, type ModelInput, mostThatIsShort } from '@inferry/contracts';
import type { z } from 'zod';

type Description = z.infer<typeof getModel.reply>;

/** How long descriptions may be, from what says most to what says least. */
const lengths = [200, 100, 50, 0];
const maxChoices = 8;
const maxTemplate = 200;

/** `isShort` says of a description whether its result is short. */
export function shortenModel(
  described: Description,
  isShort: (described: Description) => boolean,
): Description {
  if (isShort(described)) return described;
  const inputs = described.inputs ?? [];
  const parts = fewerParts(described);
  const smaller = parts
    .flatMap((part) =>
      lengths.map((length) => ({ ...outline(part), inputs: inputs.map((input) => brief(input, length)) })),
    )
    .find((candidate) => isShort(candidate));
  if (smaller !== undefined) return smaller;
  const withInputs = (count: number): Description => ({
    ...outline(parts.at(-1) ?? described),
    inputs: inputs.slice(0, count).map((input) => brief(input, 0)),
    truncated: ['inputs'],
    next_action: hint`${callOf(getModel, { model: described.model?.model ?? '', sections: ['inputs'] })} for all ${inputs.length} inputs`,
  });
  return withInputs(mostThatIsShort(0, inputs.length, (count) => isShort(withInputs(count))));
}

/** The description with all that was asked for, and with less and less of what a first run can do without. */
function fewerParts(described: Description): Description[] {
  const most = withBeginning(described);
  const { examples, output_schema: output, ...needed } = most;
  const [first] = examples ?? [];
  const kept = output === undefined ? {} : { output_schema: output };
  return [
    most,
    ...(first === undefined ? [] : [{ ...needed, ...kept, examples: [first] }]),
    ...(examples === undefined ? [] : [{ ...needed, ...kept }]),
    ...(output === undefined ? [] : [needed]),
  ];
}

/** Of a template that is long the beginning: it may be tens of kilobytes. */
function withBeginning(described: Description): Description {
  const { template, truncated = [] } = described;
  if (template === undefined || template.length <= maxTemplate) return described;
  return { ...described, template: clip(template, maxTemplate), truncated: [...truncated, 'template'] };
}

/** The model and its price without what searches by it need alone. */
function outline({ model, pricing, ...rest }: Description): Description {
  if (model === undefined) return rest;
  const { capabilities: _capabilities, provider: _provider, needs: _needs, summary, ...named } = model;
  const { overview: _overview, configurations: _configurations, ...price } = pricing ?? {};
  return {
    ...rest,
    model: { ...named, ...(summary === undefined ? {} : { summary: clip(summary, 160) }) },
    ...(pricing === undefined ? {} : { pricing: price }),
  };
}

function brief({ description, allowed, default: usual, ...input }: ModelInput, length: number): ModelInput {
  const isLong = JSON.stringify(usual ?? null).length > 60;
  return {
    ...input,
    ...(usual === undefined || isLong ? {} : { default: usual }),
    ...(description === undefined || length === 0 ? {} : { description: clip(description, length) }),
    ...(allowed === undefined ? {} : { allowed: allowed.slice(0, length === 0 ? maxChoices : 100) }),
  };
}
