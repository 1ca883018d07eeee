import type { ContractCase } from './contract-cases.ts';
import type { ControlPlane } from './control-plane.ts';
import type { Bases } from './http/bases.ts';
import type { ProviderLog } from './http/list-reader.ts';
import type { Provider, ProviderCapabilities, RunOptionsSchema } from './provider.ts';

/** What an adapter is opened with. Keys are not among it: each call brings its own (`ProviderContext.credential`). */
export interface AdapterOptions {
  /** The provider's slug; another than the definition's where a deployment has several of one kind. */
  slug: string;
  title: string;
  /** The definition's own: a provider shows what its definition says. */
  capabilities: ProviderCapabilities;
  bases: Bases;
  /** Whether a connection's own base URL may be on a private network. */
  allowPrivateHosts: boolean;
  /** The variables that the definition names in `settings`, as they are set. */
  settings: Readonly<Record<string, string | undefined>>;
  /** The definition's `options`. */
  runOptions?: RunOptionsSchema | undefined;
  /** The longest that a call which is held for its answer may take; undefined leaves it to the run's deadline. */
  maxCallMs?: number | undefined;
  /** Where it says what an operator should know, such as an entry of a list that it cannot read. */
  log?: ProviderLog | undefined;
  /** Whether nothing may be sent without a key. Default: nothing needs one. */
  needsKey?: boolean | undefined;
  /** How an operator connects it, in a sentence for whoever finds it without a key. */
  howToConnect?: string | undefined;
  /** Milliseconds since 1970; for tests. */
  now: () => number;
  /** 0 to 1; for tests. */
  random: () => number;
}

/** What a platform offers besides `ProviderCapabilities`, in words for `docs/providers.md`. */
export interface AdapterFacts {
  /** E.g. `images, speech, chat`. */
  offers: string;
  /** E.g. `server-sent events (text)` or `none`. */
  streaming: string;
  /** How inbound webhooks are signed, or `none`. */
  webhooks: string;
  /** What makes a submit safe to look up after its reply was lost, or `none`. */
  idempotency: string;
  /** Where input schemas come from. */
  schemas: string;
  /** Where prices come from. */
  prices: string;
  /** How input files reach the platform. */
  files: string;
  /** What a run that fails or is cancelled costs, and whether that is told: as `mayCostUntold` of the provider says. */
  failures: string;
  /** How long outputs can be fetched. */
  results: string;
}

/** A built-in adapter: pure data, and a `create` that loads the code when it is needed. */
export interface AdapterDefinition {
  /** Lower case, digits and dashes; part of every model id. */
  slug: string;
  title: string;
  homepage: string;
  /** Another adapter under a name of its own: opened only when it is configured or named. */
  presetOf?: string;
  capabilities: ProviderCapabilities;
  facts: AdapterFacts;
  /** Where it is, by name, each with the variable that moves it. Without `url` the variable is needed. */
  bases: Readonly<Record<string, { url?: string; variable: string }>> & {
    api: { url?: string; variable: string };
  };
  /** Variables that may hold the deployment's key; the first that is set counts. */
  keyVariables: readonly string[];
  /**
   * Where it can be used without a key: `always` for servers of one's own, under `another_slug` where only such are called so.
   * Default: a key is needed, and nothing that is paid for is sent without one.
   */
  keyless?: 'always' | 'another_slug';
  /** How its keys begin, so that one that a caller brings along is recognised. */
  keyPrefixes?: readonly string[];
  /** The options of a run that it takes; none where it does not say. */
  options?: RunOptionsSchema;
  /** Further variables that it reads, with their meaning. */
  settings?: Readonly<Record<string, string>>;
  /** Cases of the contract suite that do not apply, each with the reason. */
  exceptions: Partial<Record<ContractCase, string>>;
  /** What no call to the live service has confirmed. */
  unverified: readonly string[];
  create(options: AdapterOptions): Promise<Provider>;
  /** For platforms that have machines and endpoints of one's own besides models. */
  control?(options: AdapterOptions): Promise<ControlPlane>;
}
