/**
 * What a client meets. A tool is a name, texts, schemas and pure functions around one operation; a profile is one MCP server:
 * its identity, texts, tools and words, prompts and resources, and what it says of keys.
 */
import type { z } from 'zod';
import { type ContentBlock, plainWords, type Said, type Words, writeCall } from './content.ts';
import type { ErrorEnvelope } from './errors.ts';
import { type AnyOperation, defineOperation, type Operation, type OperationDefinition } from './operation.ts';
import { type JsonObject, toPortableSchema } from './portable-schema.ts';
import type { Scope } from './principal.ts';
import type { OfferedPrompt, OfferedResource } from './surface/index.ts';
import type { TaskState } from './task.ts';

/** MCP tool annotations; all four are stated for every tool (MCP 2026-07-28, tools). */
export interface ToolAnnotations {
  readOnlyHint: boolean;
  destructiveHint: boolean;
  idempotentHint: boolean;
  openWorldHint: boolean;
}

/** As tools tell it in `_meta.ui` (MCP Apps 2026-01-26). */
export interface ToolUi {
  resourceUri: string;
}

/** Where the view of a run is read, by hosts that show one. */
export const runViewUri = 'ui://inferry/run-view';

/** What a tool's functions know of the call beside the reply. */
export interface Told<A = unknown> {
  /** The tool's own arguments; undefined where another call goes on with the first one. */
  args: A | undefined;
  words: Words;
  /** What one of them has made of a reply, for the others (`madeOnce`). */
  made?: { of: unknown; by: unknown; it: unknown } | undefined;
}

/** What both the text and the structure of a tool's result are made from: made once for a reply, although each asks for it. */
export function madeOnce<R, A, V>(make: (reply: R, told: Told<A>) => V): (reply: R, told: Told<A>) => V {
  return (reply, told) => {
    const { made } = told;
    // as: the same function made it.
    if (made !== undefined && made.of === reply && made.by === make) return made.it as V;
    const it = make(reply, told);
    told.made = { of: reply, by: make, it };
    return it;
  };
}

/** What a tool has of the profile that it is in. */
export interface ToolProfile {
  key: string;
  words: Words;
  /** The profile's own codes for ours. */
  codes: Readonly<Record<string, string>>;
}

export interface Tool<
  P extends AnyOperation = AnyOperation,
  I extends z.ZodObject = z.ZodObject,
  O extends z.ZodObject = z.ZodObject,
> {
  kind: 'tool';
  /** `<profile>/<name>`: what travels with a call. */
  id: string;
  name: string;
  title: string;
  description: string;
  /** What it leads to. */
  operation: P;
  profile: ToolProfile;
  input: I;
  inputSchema: JsonObject;
  /** What clients see as `structuredContent`: no top-level field is required, `error` is always declared. */
  output: O;
  /** Absent for `isContentOnly`, and where a profile lists none. */
  outputSchema?: JsonObject | undefined;
  annotations: ToolAnnotations;
  /** By which a request selects it on its profile's mount; the operation's toolset where it has none. */
  group?: string;
  /** True when a result is content alone: some clients show the model no content beside a structure. */
  isContentOnly?: boolean;
  /** What a host that shows views shows of a call (MCP Apps). */
  ui?: ToolUi;
  /** True where a file over the cap is answered with an error of the tool; else the request is refused. */
  answersTooLarge?: boolean;
  /** Arguments of the operation that this tool calls something else; `undefined` for those that it has not. */
  renamed?: Readonly<Record<string, string | undefined>>;
  /** How long a call is to wait, by its arguments as they came; without it `wait_seconds` says so. */
  waitSeconds?(args: JsonObject): number | undefined;
  /** The task in a structure of its own; a tool with one and without this is never a task. */
  readTask?(structured: JsonObject): TaskState | undefined;
  /**
   * Reads the arguments where they mean what they say to the letter: an empty text, an argument that nobody knows. Throws
   * `AppError`. Without it they are put right as far as they can be, and checked.
   */
  parse?(raw: unknown): z.infer<I>;
  /**
   * What the tool of this id is called with, where a deployment gives it another form: done by whoever takes the call, so
   * that nobody else has to know of that form. Throws `AppError`.
   */
  toCall?(raw: unknown): JsonObject;
  /** The input of the operation; absent where the arguments are that. */
  toInput?(args: z.infer<I>, told: Told<z.infer<I>>): z.input<P['input']>;
  /** The MCP content of a reply: the same facts as the structure, because clients show one or the other. */
  present(reply: z.infer<P['reply']>, told: Told<z.infer<I>>): ContentBlock[];
  /** `reply` as the structure; absent where the reply is that. */
  toStructured?(reply: z.infer<P['reply']>, told: Told<z.infer<I>>): z.infer<O>;
  /** A reply that is an error to the clients of this profile. */
  toFailure?(reply: z.infer<P['reply']>, told: Told<z.infer<I>>): ErrorEnvelope | undefined;
  /** Whether a reply is shown as it is and is an error all the same. */
  isFailed?(reply: z.infer<P['reply']>): boolean;
  /** An error in the profile's words, before its code is renamed. */
  toError?(error: ErrorEnvelope, told: Told<z.infer<I>>): ErrorEnvelope;
}

/** Any tool, where its types do not matter. */
export type AnyTool = Tool;

export interface ToolDefinition<P extends AnyOperation, I extends z.ZodObject, O extends z.ZodObject>
  extends Omit<
    Tool<P, I, O>,
    'kind' | 'id' | 'profile' | 'input' | 'inputSchema' | 'output' | 'outputSchema'
  > {
  /** The operation's where it is left out. */
  input?: I;
  /** The reply's where it is left out. */
  output?: O;
  /** Listed in place of what is made of `input`, for schemas that a profile has word by word. */
  inputSchema?: JsonObject;
  /** The same of `output`; `'none'` where the profile lists none. */
  outputSchema?: JsonObject | 'none';
  /** Arguments that are required although the schema of `input` lets them be absent: the handler says more of them. */
  explained?: readonly (keyof z.infer<I> & string)[];
}

export function defineTool<
  P extends AnyOperation,
  I extends z.ZodObject = P['input'],
  O extends z.ZodObject = P['reply'] extends z.ZodObject ? P['reply'] : z.ZodObject,
>(definition: ToolDefinition<P, I, O>): Tool<P, I, O> {
  const { explained = [], outputSchema, ...shared } = definition;
  // as: I and O are the operation's own where a definition states none.
  const { input = shared.operation.input as unknown as I, output = shared.operation.reply as unknown as O } =
    definition;
  const hasOutput = definition.isContentOnly !== true && outputSchema !== 'none';
  let listedInput = shared.inputSchema;
  let listedOutput = hasOutput ? outputSchema : undefined;
  return {
    kind: 'tool',
    ...shared,
    id: `inferry/${shared.name}`,
    profile: canonical,
    input,
    output,
    // Made when somebody looks: a process serves a few of all these tools.
    get inputSchema() {
      listedInput ??= withRequired(toPortableSchema(input, 'input'), explained);
      return listedInput;
    },
    get outputSchema() {
      if (hasOutput) listedOutput ??= toPortableSchema(output, 'output');
      return listedOutput;
    },
  };
}

/** A tool with other fields than it has; its schemas are still made when somebody looks. */
export function withFields(tool: AnyTool, fields: Partial<AnyTool>): AnyTool {
  const parts = { ...Object.getOwnPropertyDescriptors(tool), ...Object.getOwnPropertyDescriptors(fields) };
  // as: every field of a tool, and some of them again.
  return Object.defineProperties({}, parts) as AnyTool;
}

const canonical: ToolProfile = { key: 'inferry', words: plainWords, codes: {} };

type OwnDefinition<I extends z.ZodObject, O extends z.ZodObject, R extends z.ZodType> = Omit<
  OperationDefinition<I, R>,
  'reply'
> &
  Omit<ToolDefinition<Operation<I, R>, I, O>, 'operation' | 'input' | 'output'> & { output: O; reply?: R };

/** A tool with an operation of its own, of the same name: for a service that is not part of the product. */
export function defineOwnTool<I extends z.ZodObject, O extends z.ZodObject, R extends z.ZodType = O>(
  definition: OwnDefinition<I, O, R>,
): Tool<Operation<I, R>, I, O> {
  const { toolset, scope, isLong, waits, makesFile, isInteractive, task, continuation, ...shown } =
    definition;
  // as: R defaults to O, and a definition with another reply states it.
  const reply = definition.reply ?? (definition.output as unknown as R);
  const { name, input } = definition;
  const operation = defineOperation({
    ...withoutUndefined({ isLong, waits, makesFile, isInteractive, task, continuation }),
    name,
    toolset,
    scope,
    input,
    reply,
  });
  // as: the same definition, with the operation beside it.
  return defineTool({ ...shown, operation } as unknown as ToolDefinition<Operation<I, R>, I, O>);
}

function withoutUndefined<T extends object>(value: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  // as: what is undefined is left out.
  return Object.fromEntries(Object.entries(value).filter(([, one]) => one !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}

function withRequired(schema: JsonObject, names: readonly string[]): JsonObject {
  const { required = [], ...rest } = schema;
  if (!Array.isArray(required) || names.length === 0) return schema;
  return { ...rest, required: [...required, ...names] };
}

/** Of an image in `serverInfo.icons` (MCP 2025-11-25). */
export interface ProfileIcon {
  src: string;
  mimeType?: string;
  sizes?: string[];
}

/** What the clients of a profile are told about signing in. */
export interface ProfileAccess {
  /** `realm` of a challenge. */
  realm?: string;
  /** What the keys begin with that this profile takes as bearer, each with the platform that it is of. */
  keyPrefixes?: Readonly<Record<string, string>>;
  /** Keys that are refused by design, each with what to say. */
  refusedPrefixes?: Readonly<Record<string, string>>;
  /** The scopes of its grants, with a space between two; without it the deployment's. */
  scope?: string;
  /** Where a person gets a key. */
  keyPage?: string;
  /** Every refused credential is told an error and the metadata, a missing one and a key too, whoever signs people in. */
  isAlwaysExplained?: boolean;
  /** People sign in with a key of its platform, where that is a way to sign in here at all. */
  isKeyFirst?: boolean;
  /** At a host of its own the documents name `/authorize`, `/token` and `/register`, as its product does. */
  hasShortOAuthPaths?: boolean;
  /** Can be ticked although no client asked for them: some clients cannot ask for more than they began with. */
  offeredScopes?: readonly Scope[];
}

/** What a prompt leads to, where it leads to a model. */
export interface PromptFacts {
  provider?: string | undefined;
  model?: string | undefined;
}

export interface Profile {
  /** The last part of its path, and of the ids of its tools. */
  key: string;
  /** Who the server says that it is; what is absent is the deployment's own. */
  serverInfo: { name?: string; title?: string; version?: string };
  /**
   * What its version says of the deployment's settings, where its product says it there: `settings` are the variables whose
   * names begin with `prefix`, as they are set.
   */
  versionNote?: { prefix: string; say(settings: Readonly<Record<string, string>>): string };
  icons?: readonly ProfileIcon[];
  /** Told at the start; `title` is the server's. */
  instructions(title: string): string;
  tools: readonly AnyTool[];
  words: Words;
  /** The name by which a prompt of a service is offered; undefined where it is not. */
  promptName(prompt: OfferedPrompt, about: PromptFacts): string | undefined;
  /** Whether a resource of a service, or a template by its address, is offered. */
  hasResource(resource: Pick<OfferedResource, 'uri'>): boolean;
  /** The platforms that it is limited to; absent where it is all of them. */
  providers?: readonly string[];
  access: ProfileAccess;
  /** Rules over lists that it does not keep, by `<tool>: <rule>` or, where most of its tools do not, `*: <rule>`, each with the reason. */
  exceptions: Readonly<Record<string, string>>;
}

export interface ProfileDefinition
  extends Omit<Profile, 'tools' | 'words' | 'promptName' | 'hasResource' | 'access' | 'exceptions'> {
  /** A function where making them takes a while: it is called when somebody looks. */
  tools: readonly AnyTool[] | (() => readonly AnyTool[]);
  /** The profile's codes for ours, where they differ. */
  codes?: Readonly<Record<string, string>>;
  /** Words for calls that no tool of it is named for, or that it says in another way. */
  words?: Partial<Words>;
  promptName?: Profile['promptName'];
  hasResource?: Profile['hasResource'];
  access?: ProfileAccess;
  exceptions?: Profile['exceptions'];
}

/** A profile with its tools: each knows its id and its words. */
export function defineProfile(definition: ProfileDefinition): Profile {
  const { key, codes = {}, words: own = {}, providers } = definition;
  let tools: readonly AnyTool[] | undefined;
  function make(): readonly AnyTool[] {
    const given = typeof definition.tools === 'function' ? definition.tools() : definition.tools;
    return given.map((tool) => withFields(tool, { id: `${key}/${tool.name}`, profile }));
  }
  function toolsNow(): readonly AnyTool[] {
    tools ??= make();
    return tools;
  }
  const words = wordsOf(toolsNow, own);
  const profile: ToolProfile = { key, words, codes };
  return {
    promptName: ({ name }, { provider }) =>
      providers === undefined || (provider !== undefined && providers.includes(provider)) ? name : undefined,
    hasResource: () => true,
    access: {},
    exceptions: {},
    ...definition,
    words,
    get tools() {
      return toolsNow();
    },
  };
}

/** An operation is said with the name of the first tool that leads to it. */
function wordsOf(tools: () => readonly AnyTool[], own: Partial<Words>): Words {
  let byOperation: Map<string, AnyTool> | undefined;
  const toolFor = (operation: string): AnyTool | undefined => {
    // The first of several: what comes later in this list is written over.
    byOperation ??= new Map([...tools()].reverse().map((tool) => [tool.operation.name, tool] as const));
    return byOperation.get(operation);
  };
  const nameIn = (tool: AnyTool, name: string): string | undefined => {
    const { renamed } = tool;
    if (renamed !== undefined && Object.hasOwn(renamed, name)) return renamed[name];
    return name in tool.input.shape ? name : undefined;
  };
  const named = (value: string | undefined) =>
    value === undefined
      ? undefined
      : value.replace(/^"(.*)"$/, (_all, id: string) => `"${own.model?.(id) ?? id}"`);
  return {
    call(operation, args) {
      const said = own.call?.(operation, args);
      if (said !== undefined) return said;
      const tool = toolFor(operation);
      if (tool === undefined) return undefined;
      const known = args.flatMap((arg): Said[] => {
        const name = nameIn(tool, arg.name);
        return name === undefined
          ? []
          : [{ name, value: arg.name === 'model' ? named(arg.value) : arg.value }];
      });
      return writeCall(tool.name, known);
    },
    model: own.model ?? ((id) => id),
    argument(operation, name) {
      const tool = toolFor(operation);
      return own.argument?.(operation, name) ?? (tool === undefined ? undefined : nameIn(tool, name));
    },
  };
}
