/** What services offer beside tools, and whose a prompt, a template or a URI is. */
import type { Bus, Subscription } from '@inferry/bus';
import {
  hasScope,
  isScope,
  type Principal,
  type Profile,
  type Surface,
  type SurfaceDescription,
  surfaceChanged,
  surfaceOf,
} from '@inferry/contracts';

/** Whoever looks at surfaces, and on which mount. */
interface SurfaceCaller {
  principal: { scopes: readonly string[] };
  offer: { profile: Profile };
}

export type ChangedList = 'tools' | 'prompts' | 'resources';

export interface OfferedSurface {
  surface: Surface;
  description: SurfaceDescription;
  /** The names of its prompts at the service, by those of the mount. */
  promptNames?: ReadonlyMap<string, string>;
}

/** The surfaces that some scopes open. */
export interface SurfaceView {
  offered: readonly OfferedSurface[];
  /** False when a service could not be asked yet: what is listed may be too little. */
  isWhole: boolean;
}

export interface SurfacesOptions {
  services: readonly string[];
  /** Who asks them what they offer: nobody's request. */
  principal: Principal;
  log: { warn(fields: object, message: string): void };
  /** How often every service is asked again, since an event may be lost. */
  rereadMs?: number;
  /** How soon a service that was never heard is asked again. */
  retryMs?: number;
  random?: () => number;
}

interface Known {
  surface: Surface;
  version: string;
  description: SurfaceDescription | undefined;
  /** One question at a time: whoever asks during one waits for the next, which knows more. */
  asking: Promise<void> | undefined;
  isAskedAgain: boolean;
}

/** A list must not wait longer for a service that may be starting. */
const firstAnswerMs = 2_000;

/**
 * What the services offer beside tools, kept in memory per version: listing prompts costs no message (RF-43). A
 * service that cannot be asked takes nothing away but its own part (RF-74).
 */
export class Surfaces {
  readonly #bus: Bus;
  readonly #options: SurfacesOptions;
  readonly #known: readonly Known[];
  readonly #listeners = new Set<(lists: ReadonlySet<ChangedList>) => void>();
  readonly #subscription: Subscription;
  #views = new Map<string, SurfaceView>();
  #first: Promise<unknown> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(bus: Bus, options: SurfacesOptions) {
    this.#bus = bus;
    this.#options = options;
    this.#known = options.services.map((service) => ({
      surface: surfaceOf(service),
      version: '',
      description: undefined,
      asking: undefined,
      isAskedAgain: false,
    }));
    this.#subscription = bus.on(surfaceChanged, (event) => this.#hear(event));
    bus.onStatus((isConnected) => {
      if (isConnected) void this.#askAll();
    });
    this.#schedule();
  }

  /** The surfaces that the scopes of a caller open on its mount; only the very first call may have to wait. */
  view({ principal: { scopes }, offer: { profile } }: SurfaceCaller): SurfaceView | Promise<SurfaceView> {
    if (this.#first === undefined) {
      this.#first = withinMs(this.#askAll(), firstAnswerMs).then(() => {
        this.#first = Promise.resolve();
        return undefined;
      });
    }
    if (this.#isWhole) return this.#view(scopes, profile);
    return this.#first.then(() => this.#view(scopes, profile));
  }

  onChanged(listener: (lists: ReadonlySet<ChangedList>) => void): void {
    this.#listeners.add(listener);
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#subscription.unsubscribe();
  }

  get #isWhole(): boolean {
    return this.#known.every(({ description }) => description !== undefined);
  }

  #view(scopes: readonly string[], profile: Profile): SurfaceView {
    const key = `${profile.key} ${scopes.join(' ')}`;
    const cached = this.#views.get(key);
    if (cached !== undefined) return cached;
    const offered = this.#known.flatMap(({ surface, description }) =>
      description !== undefined && opens(scopes, description)
        ? [toOffered({ surface, description }, profile)]
        : [],
    );
    const view = { offered, isWhole: this.#isWhole };
    // Few sets of scopes exist; a caller cannot make them up.
    if (this.#views.size >= 64) this.#views.clear();
    this.#views.set(key, view);
    return view;
  }

  #hear({
    service,
    lists,
    version,
  }: {
    service: string;
    lists: ChangedList[];
    version?: string | undefined;
  }) {
    const known = this.#known.find(({ surface }) => surface.service === service);
    if (known === undefined) return;
    if (version !== undefined) {
      if (version !== known.version) void this.#ask(known);
      return;
    }
    // Nothing tells this change from an earlier one, so it is passed on whatever the lists look like now.
    void this.#ask(known).then(() => this.#tell(new Set(lists)));
  }

  async #askAll(): Promise<void> {
    await Promise.all(this.#known.map((known) => this.#ask(known)));
  }

  /** Never rejects. */
  #ask(known: Known): Promise<void> {
    if (known.asking !== undefined) {
      known.isAskedAgain = true;
      return known.asking;
    }
    known.asking = this.#askUntilCurrent(known).finally(() => {
      known.asking = undefined;
    });
    return known.asking;
  }

  async #askUntilCurrent(known: Known): Promise<void> {
    do {
      known.isAskedAgain = false;
      try {
        await this.#describe(known);
      } catch (error) {
        // What was known stays; the timer asks again.
        if (known.description !== undefined && !this.#isClosed) {
          this.#options.log.warn({ err: error, service: known.surface.service }, 'a surface cannot be read');
        }
      }
    } while (known.isAskedAgain && !this.#isClosed);
  }

  async #describe(known: Known): Promise<void> {
    const { describe } = known.surface;
    const { version, description } = await this.#bus.call(
      describe,
      { known_version: known.version },
      { principal: this.#options.principal },
    );
    if (description === undefined || version === known.version) return;
    const before = known.description;
    known.version = version;
    known.description = description;
    this.#views = new Map();
    const lists: ChangedList[] = ['resources'];
    if (
      JSON.stringify([before?.prompts, before?.prompt_models]) !==
      JSON.stringify([description.prompts, description.prompt_models])
    )
      lists.push('prompts');
    this.#tell(new Set(lists));
  }

  #tell(lists: ReadonlySet<ChangedList>): void {
    for (const listener of this.#listeners) listener(lists);
  }

  #schedule(): void {
    const { rereadMs = 30_000, retryMs = 2_000, random = Math.random } = this.#options;
    if (this.#known.length === 0) return;
    const everyMs = this.#isWhole ? rereadMs : Math.min(retryMs, rereadMs);
    this.#timer = setTimeout(
      () => {
        void this.#askAll().finally(() => {
          if (!this.#isClosed) this.#schedule();
        });
      },
      everyMs * (0.8 + 0.4 * random()),
    );
    this.#timer.unref();
  }
}

/** A surface as a mount has it: its prompts by their names there, and what else the profile shows. */
function toOffered({ surface, description }: OfferedSurface, profile: Profile): OfferedSurface {
  if (profile.key === 'inferry') return { surface, description };
  const { prompts, prompt_providers: providers = {}, prompt_models: models = {} } = description;
  const named = prompts.flatMap((prompt) => {
    const about = { provider: providers[prompt.name], model: models[prompt.name] };
    const name = profile.promptName(prompt, about);
    return name === undefined
      ? []
      : [{ inner: prompt.name, provider: about.provider, prompt: { ...prompt, name } }];
  });
  return {
    surface,
    promptNames: new Map(named.map(({ inner, prompt }) => [prompt.name, inner])),
    description: {
      ...description,
      prompts: named.map(({ prompt }) => prompt),
      prompt_providers: Object.fromEntries(
        named.flatMap(({ prompt, provider }) => (provider === undefined ? [] : [[prompt.name, provider]])),
      ),
      templates: description.templates.filter(({ uriTemplate: uri }) => profile.hasResource({ uri })),
      skills: (description.skills ?? []).filter(({ uri }) => profile.hasResource({ uri })),
    },
  };
}

function opens(scopes: readonly string[], { scope }: SurfaceDescription): boolean {
  return isScope(scope) && hasScope(scopes, scope);
}

async function withinMs(work: Promise<unknown>, timeoutMs: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, timeoutMs);
  await Promise.race([work, promise]);
  clearTimeout(timer);
}

/** Who reads a URI: the longest prefix decides. */
export function ownerOfUri(offered: readonly OfferedSurface[], uri: string): OfferedSurface | undefined {
  let owner: OfferedSurface | undefined;
  let longest = 0;
  for (const candidate of offered) {
    for (const prefix of candidate.description.uri_prefixes) {
      if (prefix.length > longest && uri.startsWith(prefix)) {
        owner = candidate;
        longest = prefix.length;
      }
    }
  }
  return owner;
}

/** Who has a prompt: the first of the services in the order of the configuration. */
export function ownerOfPrompt(offered: readonly OfferedSurface[], name: string): OfferedSurface | undefined {
  return offered.find(({ description }) => description.prompts.some((prompt) => prompt.name === name));
}

export function ownerOfTemplate(
  offered: readonly OfferedSurface[],
  uriTemplate: string,
): OfferedSurface | undefined {
  return offered.find(({ description }) =>
    description.templates.some((template) => template.uriTemplate === uriTemplate),
  );
}
