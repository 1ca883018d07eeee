import { readFileSync } from 'node:fs';
import { type AnyTool, AppError, isObject, type JsonObject } from '@inferry/contracts';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { profileOf } from '../index.ts';

/** What Runpod's own server lists: every argument with its type, bounds, pattern, choices and default. */
interface Observed {
  properties: Record<string, JsonObject>;
  required: string[];
  annotations?: JsonObject;
}

const file = new URL('observed-schemas.generated.json', import.meta.url);
const observed: Readonly<Record<string, Readonly<Record<string, Observed>>>> = JSON.parse(
  readFileSync(file, 'utf8'),
);

/** Where ours differs, by `<tool>.<argument>` as a pattern, each with the reason. One that nothing needs is a fault. */
const differs: Readonly<Record<string, string>> = {
  '^get-job-status\\.outputOffset: only here$':
    'a long output comes in parts that a conversation can hold, and this asks for the next one',
  '^[\\w-]+\\.(startTime|endTime)\\.format: only there$':
    'the platform checks times by itself, and takes more forms than the one that a check here would',
};

const said = ['description', 'title', '$schema', 'propertyNames'];

/** As it is checked: what clients are shown leaves patterns and lengths out, which no model needs. */
function checkedArguments({ input }: AnyTool): { properties: JsonObject; required: unknown } {
  const schema = z.toJSONSchema(input, { io: 'input', unrepresentable: 'any' });
  return { properties: plain(schema.properties ?? {}), required: [...(schema.required ?? [])].sort() };
}

function plain(properties: JsonObject): JsonObject {
  return Object.fromEntries(
    Object.entries(properties).map(([name, schema]) => [
      name,
      isObject(schema) ? comparable(schema) : schema,
    ]),
  );
}

/** Two ways to say one thing are one. */
function comparable(schema: JsonObject): JsonObject {
  const { additionalProperties: more, ...own } = Object.fromEntries(
    Object.entries(schema).filter(([key]) => !said.includes(key)),
  );
  const isWidest = (key: string, value: unknown) =>
    (key === 'maximum' || key === 'minimum') && Math.abs(Number(value)) === Number.MAX_SAFE_INTEGER;
  const bounds = Object.fromEntries(Object.entries(own).filter(([key, value]) => !isWidest(key, value)));
  if (bounds.type === 'integer' && bounds.exclusiveMinimum === 0) {
    delete bounds.exclusiveMinimum;
    bounds.minimum = 1;
  }
  const isTyped = isObject(more) && Object.keys(more).length > 0;
  return {
    ...bounds,
    ...(isObject(own.properties) && { properties: plain(own.properties) }),
    ...(isObject(own.items) && { items: comparable(own.items) }),
    ...(isTyped && { additionalProperties: more }),
  };
}

function differences(theirs: unknown, ours: unknown, path: string): string[] {
  if (isObject(theirs) && isObject(ours)) {
    return [...new Set([...Object.keys(theirs), ...Object.keys(ours)])].flatMap((key) => {
      if (!(key in ours)) return [`${path}.${key}: only there`];
      if (!(key in theirs)) return [`${path}.${key}: only here`];
      return differences(theirs[key], ours[key], `${path}.${key}`);
    });
  }
  const isSame = JSON.stringify(theirs) === JSON.stringify(ours);
  return isSame ? [] : [`${path}: ${JSON.stringify(theirs)} there, ${JSON.stringify(ours)} here`];
}

/** An object that the platform checks is described by its fields, with their types, choices and bounds, in one line. */
function ofBody({ fields }: JsonObject, { input }: AnyTool, name: string): string[] {
  const body = isObject(input.shape) ? input.shape.body : undefined;
  const line = body instanceof z.ZodType ? (body.description ?? '') : '';
  return differences(`Fields, * required: ${String(fields)}`, line, `${name}.body`);
}

function allDifferences(name: string, facts: Observed, tool: AnyTool): string[] {
  const { body, ...properties } = facts.properties;
  const { body: _, ...own } = checkedArguments(tool).properties;
  return [
    ...differences(plain(properties), own, name),
    ...differences([...facts.required].sort(), checkedArguments(tool).required, `${name} required`),
    ...(body === undefined ? [] : ofBody(body, tool, name)),
  ];
}

const editions = Object.entries(observed).map(([key, tools]) => ({ key, tools }));
const patterns = Object.keys(differs).map((pattern) => new RegExp(pattern));

describe.each(editions)('the arguments of $key', ({ key, tools }) => {
  const ours = new Map((profileOf(key)?.tools ?? []).map((tool) => [tool.name, tool]));

  it('are of the tools that there are, in no other order of names [RP-81]', () => {
    expect([...ours.keys()].sort()).toEqual(Object.keys(tools).sort());
  });

  it.each(Object.entries(tools))('of %s are those of Runpod’s own server', (name, facts) => {
    const tool = ours.get(name);
    if (tool === undefined) throw new Error(`${name} is not there`);

    const odd = allDifferences(name, facts, tool);

    expect(odd.filter((line) => !patterns.some((pattern) => pattern.test(line)))).toEqual([]);
  });

  // What it leaves to the defaults of the protocol is said here: a missing hint means `true` for destructive ones.
  it.each(Object.entries(tools).filter(([, { annotations }]) => annotations !== undefined))(
    'of %s come with its hints [RPB-01]',
    (name, { annotations }) => {
      expect(ours.get(name)?.annotations).toMatchObject(annotations ?? {});
    },
  );
});

it('differ from those nowhere that is not so any more', () => {
  const odd = editions.flatMap(({ key, tools }) =>
    (profileOf(key)?.tools ?? []).flatMap((tool) => {
      const facts = tools[tool.name];
      return facts === undefined ? [] : allDifferences(tool.name, facts, tool);
    }),
  );

  expect(patterns.filter((pattern) => !odd.some((line) => pattern.test(line)))).toEqual([]);
});

describe('the version of the third edition', () => {
  const said = (settings: Readonly<Record<string, string>>) =>
    profileOf('runpod')?.versionNote?.say(settings);

  it.each([
    [{}, 'RUNPOD_REST_VERSION unset (default v2)'],
    [{ RUNPOD_REST_VERSION: 'v1' }, 'RUNPOD_REST_VERSION=v1'],
    [{ RUNPOD_REST_VERSION: 'V2' }, 'RUNPOD_REST_VERSION=v2'],
    [{ RUNPOD_REST_VERSION: 'auto' }, 'RUNPOD_REST_VERSION=auto'],
    [
      { RUNPOD_REST_VERSION: 'v1', RUNPOD_REST_VERSION_ENDPOINTS: 'v2' },
      'RUNPOD_REST_VERSION=v1, +1 per-resource',
    ],
    [{ RUNPOD_REST_VERSION_PODS: 'v1' }, 'RUNPOD_REST_VERSION unset (default v2), +1 per-resource'],
  ])('says of %j what Runpod’s own server says [RPB-13]', (settings, note) => {
    expect(said(settings)).toBe(note);
  });

  it('is all that there is to the fourth, which calls version 2 alone', () => {
    expect(profileOf('runpod-4')?.versionNote).toBeUndefined();
  });
});

describe('what is wrong with arguments of the third edition', () => {
  const tools = profileOf('runpod')?.tools ?? [];
  const refusal = ({ parse }: AnyTool, raw: unknown): string => {
    try {
      parse?.(raw);
      return '';
    } catch (error) {
      return error instanceof AppError ? JSON.stringify(error.details) : String(error);
    }
  };

  it.each(tools.map((tool) => [tool.name, tool] as const))(
    '%s says it in words of its own',
    (_name, tool) => {
      const names = Object.keys(tool.input.shape);
      const wrong = [{}, 'x', ...[7, 'x', true, {}, [], -1].map((value) => fill(names, value))];
      const told = wrong.map((raw) => refusal(tool, raw)).join('\n');

      expect(told).not.toMatch(/Invalid|received|Too (small|big)|must match|undefined/);
      if (isObject(tool.inputSchema) && Array.isArray(tool.inputSchema.required))
        expect(told).toContain('is required');
    },
  );

  it('names the form that an id has', () => {
    const [health] = tools.filter(({ name }) => name === 'endpoint-health');

    expect(health && refusal(health, { endpointId: 'a b' })).toBe(
      '{"errors":[{"path":"endpointId","message":"does not have the expected form","hint":"/^[a-zA-Z0-9_-]+$/"}]}',
    );
  });
});

describe.each(['runpod', 'runpod-4'])('what is not set for tools of %s', (key) => {
  const tools = profileOf(key)?.tools ?? [];
  const takes = (schema: unknown, value: unknown) =>
    schema instanceof z.ZodType && schema.safeParse(value).success;

  it.each(tools.map((tool) => [tool.name, tool] as const))(
    'is not given to %s, as null or as an empty text that is no value of it',
    (_name, { input: { shape }, annotations, parse }) => {
      const fields = Object.entries<unknown>(shape);
      const given = Object.fromEntries(
        fields.filter(([, schema]) => !takes(schema, undefined)).map(([name]) => [name, 'x']),
      );
      const optional = fields.filter(([, schema]) => takes(schema, undefined)).map(([name]) => name);
      const told = (more: JsonObject) => {
        try {
          return Object.keys(parse?.({ ...given, ...more }) ?? {});
        } catch (error) {
          return error instanceof AppError ? error.details : error;
        }
      };
      const clears = optional.filter(
        (name) =>
          !annotations.readOnlyHint && name !== 'webhook' && name !== 'gpuIds' && takes(shape[name], ''),
      );

      expect(told(fill(optional, null))).toEqual(told({}));
      expect(told(fill(optional, ''))).toEqual(told(fill(clears, '')));
    },
  );
});

function fill(names: readonly string[], value: unknown): JsonObject {
  return Object.fromEntries(names.map((name) => [name, value]));
}
