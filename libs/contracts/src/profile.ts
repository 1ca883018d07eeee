/** One MCP server as a client meets it: its identity, texts, tools and words, prompts and resources, and what it says of keys. */

import type { Scope } from './principal.ts';
import type { OfferedPrompt, OfferedResource } from './surface/index.ts';
import { type AnyTool, type ToolProfile, withFields } from './tool.ts';
import { type Said, type Words, writeCall } from './words.ts';

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
