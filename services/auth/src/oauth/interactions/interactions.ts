import type { Scope } from '@inferry/contracts';
import type { FastifyReply, FastifyRequest } from 'fastify';

/** The client that asks, as a person may judge it. */
export interface AskingClient {
  id: string;
  /** As it calls itself: anybody can claim any name. */
  name: string;
  /** The host that the client proved to be, by a document there; undefined: it proved nothing. */
  verifiedHost: string | undefined;
  /** Where the code goes: a host, or the scheme of an app. */
  redirectHost: string;
  /** The code stays on the person's own computer, where any program may be listening. */
  isLoopback: boolean;
}

/** A sign-in in progress. */
export interface SignIn {
  uid: string;
  client: AskingClient;
  /** The profile that the client wants to use; undefined: the whole deployment. */
  profile: string | undefined;
  /** What the client asked for, or the default. The person may tick others. */
  requestedScopes: readonly Scope[];
  /** The parameters of the authorization request, such as `login_hint`. */
  params: Readonly<Record<string, string>>;
  /** The value of the form field `csrf`. */
  csrf: string;
  /** What a driver wrote by `saveStash`. */
  stash: unknown;
}

export interface Approval {
  /** The tenant that the person signed in as. */
  subject: string;
  /** How the person is shown in the list of grants. */
  display: string;
  scopes: readonly Scope[];
  /** From `newGrantId`, where something was stored under it already. */
  grantId?: string | undefined;
}

/**
 * The boundary between the protocol and the pages. Pages show, drivers find out who it is; neither sees a code or a token.
 * All of it throws `AppError`: `not_found` for a sign-in that is over or unknown, `forbidden` when another browser began
 * it or a form came from elsewhere.
 */
export interface Interactions {
  /**
   * The sign-in of a request: by `uid`, else by the route's parameter of this name. It must come from the browser that
   * began it.
   */
  read(request: FastifyRequest, uid?: string): Promise<SignIn>;
  /** Whether a POST came from our own page: its origin and its field `csrf`. Call it before anything else is done. */
  checkForm(request: FastifyRequest, signIn: SignIn, form: Readonly<Record<string, unknown>>): void;
  /** Keeps what a driver needs in a later step, on the server. JSON of at most 16 KB. */
  saveStash(signIn: SignIn, stash: unknown): Promise<void>;
  /** Grants, and answers with a page that goes on to the client. Once per sign-in: a second call is `not_found`. */
  finish(request: FastifyRequest, reply: FastifyReply, approval: Approval & { uid?: string }): Promise<void>;
  /**
   * Answers a form that was sent twice, or a page that is loaded again, as the first time: with the same code. False when
   * there is no answer for this browser.
   */
  repeat(request: FastifyRequest, reply: FastifyReply, uid?: string): Promise<boolean>;
  /** Refuses (`access_denied`), and answers with a page that goes on to the client. */
  deny(request: FastifyRequest, reply: FastifyReply, uid?: string): Promise<void>;
}

export interface ProblemView {
  status: number;
  code: string;
  title: string;
  message: string;
  location?: string | undefined;
}

/** What is shown where the protocol itself answers a browser. All return whole HTML documents. */
export interface OAuthViews {
  /** Shown for a moment, or for longer where an app must be opened: goes on to `location` and has a link to it. */
  continueTo(view: {
    location: string;
    client: Pick<AskingClient, 'name'>;
    isDenied: boolean;
    profile?: string | undefined;
  }): string;
  /** `location` is the client's own address with the error in it: a link to click, and nothing that goes by itself. */
  problem(view: ProblemView): string;
}

/** The pages of `/oauth/interaction/:uid`, mounted where forms are parsed into plain objects. */
export interface OAuthPages {
  mount(app: import('fastify').FastifyInstance, interactions: Interactions): Promise<void>;
  views?: Partial<OAuthViews> | undefined;
}
