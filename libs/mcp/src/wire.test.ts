/**
 * The types of what this server writes are the official SDK's, field by field and in both directions: a field of ours that
 * they do not take, or one of theirs that cannot be said here, fails the type check unless it is named below with its reason.
 */
import type { ContentBlock, OfferedPrompt, OfferedResource, OfferedTemplate } from '@inferry/contracts';
import type * as client from '@modelcontextprotocol/client';
import type { TaskV2 } from '@modelcontextprotocol/ext-tasks/core/v2';
import type * as v1 from '@modelcontextprotocol/sdk/types.js';
import type * as server from '@modelcontextprotocol/server';
import {
  CLIENT_CAPABILITIES_META_KEY,
  CLIENT_INFO_META_KEY,
  PROTOCOL_VERSION_META_KEY,
  ProtocolErrorCode,
  SERVER_INFO_META_KEY,
  SUBSCRIPTION_ID_META_KEY,
} from '@modelcontextprotocol/server';
import { expect, test } from 'vitest';
import { rpcCodes } from './json-rpc.ts';
import { metaKeys } from './versions.ts';
import type * as ours from './wire.ts';

/** Without index signatures, which say nothing. */
type Named<T> = { [K in keyof T as string extends K ? never : number extends K ? never : K]: T[K] };
/** With what may be absent as what it is when it is there. */
type Plain<T> = unknown extends T
  ? unknown
  : T extends string | number | boolean | null | undefined
    ? T
    : T extends readonly (infer Item)[]
      ? Plain<Item>[]
      : keyof Named<T> extends never
        ? object
        : { [K in keyof Named<T>]: Plain<Exclude<Named<T>[K], undefined>> };

type Optional<T> = { [K in keyof T]-?: undefined extends T[K] ? K : never }[keyof T];
type Shared<O, T> = keyof Named<O> & keyof Named<T>;
type Field<T, K extends keyof Named<T>> = Plain<Exclude<Named<T>[K], undefined>>;
type Unassignable<A, B, K extends keyof Named<A> & keyof Named<B>> = K extends unknown
  ? [Field<A, K>] extends [Field<B, K>]
    ? never
    : K
  : never;

/** What sets two types of one thing apart, a line each. */
type Apart<O, T> =
  /** They have it, and it is never said here. */
  | `unsaid ${Exclude<keyof Named<T>, keyof Named<O>> & string}`
  /** It is said here, and they have no such field. */
  | `extra ${Exclude<keyof Named<O>, keyof Named<T>> & string}`
  /** It may be left out here, and they need it. */
  | `missing ${Exclude<Shared<O, T> & Optional<Named<O>>, Optional<Named<T>>> & string}`
  /** A value of ours that they do not take. */
  | `refused ${Unassignable<O, T, Shared<O, T>> & string}`
  /** A value of theirs that cannot be said here. */
  | `narrower ${Unassignable<T, O, Shared<O, T>> & string}`;
type IsAny<T> = 0 extends 1 & T ? true : false;

/** True where the two differ in what `Known` names and in nothing else; otherwise in what else, or what no longer. */
type Held<O, T, Known extends string = never> =
  IsAny<T> extends true
    ? 'any'
    : [Exclude<Apart<O, T>, Known>] extends [never]
      ? [Exclude<Known, Apart<O, T>>] extends [never]
        ? true
        : `${Exclude<Known, Apart<O, T>>} no longer`
      : Exclude<Apart<O, T>, Known>;

/** The same in both halves of the current SDK and in the one before. */
type InAll<O, Theirs extends readonly unknown[], Known extends string = never> = {
  [At in keyof Theirs]: Held<O, Theirs[At], Known>;
}[number];

/** Does not compile unless the pair is held. */
function held<_Pair extends true>(): void {}

/** What the core splices into every result of the modern era. */
type Stamp = 'unsaid _meta';
/** The SDK keeps these fields of the wire out of its types. */
type Cache = 'extra ttlMs' | 'extra cacheScope';
/** One page holds it all. */
type OnePage = 'unsaid nextCursor';
/** Whether a list changes is always said; tasks are an extension here. */
type Capabilities = 'narrower capabilities';
type Of<Type extends ContentBlock['type']> = Extract<ContentBlock, { type: Type }>;

test('results are those of the official SDK', () => {
  held<
    InAll<
      ours.InitializeResult,
      [server.InitializeResult, client.InitializeResult, v1.InitializeResult],
      'unsaid _meta' | Capabilities
    >
  >();
  // `resultType` is one of the SDK's fields of the wire.
  held<
    InAll<
      ours.DiscoverResult,
      [server.DiscoverResult, client.DiscoverResult],
      Cache | 'extra resultType' | Capabilities
    >
  >();
  // For what sets the tools themselves apart.
  held<
    InAll<
      ours.ListToolsResult,
      [server.ListToolsResult, client.ListToolsResult],
      Stamp | Cache | OnePage | 'narrower tools' | 'refused tools'
    >
  >();
  held<Held<ours.ListToolsResult, v1.ListToolsResult, Stamp | Cache | OnePage | 'narrower tools'>>();
  // Sounds and embedded resources are linked to; `isError` is said where it is true.
  held<
    InAll<
      ours.CallToolResult,
      [server.CallToolResult, client.CallToolResult],
      Stamp | 'narrower content' | 'narrower isError' | 'narrower structuredContent'
    >
  >();
  held<Held<ours.CallToolResult, v1.CallToolResult, Stamp | 'narrower content' | 'narrower isError'>>();
  held<
    InAll<
      ours.ListPromptsResult,
      [server.ListPromptsResult, client.ListPromptsResult, v1.ListPromptsResult],
      Stamp | Cache | OnePage
    >
  >();
  // Services may say content of any type that MCP has; the fitting to a revision looks at it.
  held<
    InAll<
      ours.GetPromptResult,
      [server.GetPromptResult, client.GetPromptResult, v1.GetPromptResult],
      Stamp | 'refused messages'
    >
  >();
  held<
    InAll<
      ours.ListResourcesResult,
      [server.ListResourcesResult, client.ListResourcesResult, v1.ListResourcesResult],
      Stamp | Cache
    >
  >();
  held<
    InAll<
      ours.ListResourceTemplatesResult,
      [
        server.ListResourceTemplatesResult,
        client.ListResourceTemplatesResult,
        v1.ListResourceTemplatesResult,
      ],
      Stamp | Cache | OnePage
    >
  >();
  held<
    InAll<
      ours.ReadResourceResult,
      [server.ReadResourceResult, client.ReadResourceResult, v1.ReadResourceResult],
      Stamp | Cache
    >
  >();
  // Whether there is more is always said.
  held<
    InAll<
      ours.CompleteResult,
      [server.CompleteResult, client.CompleteResult, v1.CompleteResult],
      Stamp | 'narrower completion'
    >
  >();
  held<InAll<ours.InputRequiredResult, [server.InputRequiredResult, client.InputRequiredResult]>>();
  held<Held<ours.TaskFields, TaskV2>>();
});

type ListedTool = 'narrower annotations' | 'narrower _meta' | 'unsaid execution' | 'unsaid icons';

test('their parts are those of the official SDK', () => {
  held<InAll<ours.Icon, [server.Icon, client.Icon, v1.Icon], 'unsaid theme'>>();
  held<
    InAll<
      ours.Implementation,
      [server.Implementation, client.Implementation, v1.Implementation],
      'unsaid description' | 'unsaid websiteUrl'
    >
  >();
  held<
    InAll<
      ours.ServerCapabilities,
      [server.ServerCapabilities, client.ServerCapabilities, v1.ServerCapabilities],
      // No SDK has the capability of the Events extension's draft.
      | 'extra events'
      | 'narrower prompts'
      | 'narrower resources'
      | 'narrower tools'
      | 'unsaid experimental'
      | 'unsaid tasks'
    >
  >();
  // All four hints and a title are always said; `_meta` holds the view alone.
  held<Held<ours.ListedTool, v1.Tool, ListedTool>>();
  // Of a schema of results the current SDK names nothing but `$schema`, which is never said.
  held<
    InAll<
      ours.ListedTool,
      [server.Tool, client.Tool],
      ListedTool | 'narrower outputSchema' | 'refused outputSchema'
    >
  >();
  held<InAll<OfferedPrompt, [server.Prompt, client.Prompt, v1.Prompt], 'unsaid _meta' | 'unsaid icons'>>();
  held<
    InAll<
      OfferedResource,
      [server.Resource, client.Resource, v1.Resource],
      'unsaid _meta' | 'unsaid annotations' | 'unsaid icons'
    >
  >();
  held<
    InAll<
      OfferedTemplate,
      [server.ResourceTemplateType, client.ResourceTemplateType, v1.ResourceTemplate],
      'unsaid _meta' | 'unsaid annotations' | 'unsaid icons'
    >
  >();
  held<
    InAll<
      Of<'text'>,
      [server.TextContent, client.TextContent, v1.TextContent],
      'unsaid _meta' | 'unsaid annotations'
    >
  >();
  held<
    InAll<
      Of<'image'>,
      [server.ImageContent, client.ImageContent, v1.ImageContent],
      'unsaid _meta' | 'unsaid annotations'
    >
  >();
  held<
    InAll<
      Of<'resource_link'>,
      [server.ResourceLink, client.ResourceLink, v1.ResourceLink],
      'unsaid _meta' | 'unsaid annotations' | 'unsaid description' | 'unsaid icons'
    >
  >();
});

test('what is told unasked is as in the official SDK', () => {
  // A list is asked for or it is not; ids of tasks are the extension's.
  held<
    InAll<
      ours.SubscriptionFilter,
      [server.SubscriptionFilter, client.SubscriptionFilter],
      | 'extra taskIds'
      | 'narrower toolsListChanged'
      | 'narrower promptsListChanged'
      | 'narrower resourcesListChanged'
    >
  >();
  held<
    InAll<
      ours.LoggingMessageParams,
      [
        server.LoggingMessageNotificationParams,
        client.LoggingMessageNotificationParams,
        v1.LoggingMessageNotificationParams,
      ],
      'narrower data' | 'unsaid _meta' | 'unsaid logger'
    >
  >();
  held<
    InAll<
      ours.ProgressParams,
      [server.ProgressNotificationParams, client.ProgressNotificationParams, v1.ProgressNotificationParams],
      'narrower total' | 'unsaid _meta'
    >
  >();
});

test('a difference that nobody named does not compile', () => {
  const unnamed: Held<ours.Icon, server.Icon> = 'unsaid theme';
  const mended: Held<ours.Icon, server.Icon, 'unsaid theme' | 'refused src'> = 'refused src no longer';

  expect([unnamed, mended]).toHaveLength(2);
});

test('codes, keys and revisions are those of the official SDK', () => {
  const { resourceNotFound, headerMismatch, server: own, ...codes } = rpcCodes;

  expect(resourceNotFound).toBe(ProtocolErrorCode.ResourceNotFound);
  expect(codes).toEqual({
    parse: ProtocolErrorCode.ParseError,
    invalidRequest: ProtocolErrorCode.InvalidRequest,
    methodNotFound: ProtocolErrorCode.MethodNotFound,
    invalidParams: ProtocolErrorCode.InvalidParams,
    internal: ProtocolErrorCode.InternalError,
    missingCapability: ProtocolErrorCode.MissingRequiredClientCapability,
    unsupportedVersion: ProtocolErrorCode.UnsupportedProtocolVersion,
  });
  expect(metaKeys).toEqual({
    protocolVersion: PROTOCOL_VERSION_META_KEY,
    clientCapabilities: CLIENT_CAPABILITIES_META_KEY,
    clientInfo: CLIENT_INFO_META_KEY,
    serverInfo: SERVER_INFO_META_KEY,
    subscriptionId: SUBSCRIPTION_ID_META_KEY,
  });
  expect([own, headerMismatch]).toEqual([-32_000, -32_020]);
});
