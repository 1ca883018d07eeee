import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { Account } from '../../identity/accounts.ts';
import type { Form } from '../forms.ts';

/** What is remembered between the steps of one sign-in, where the browser cannot read or write it. */
export const VisitState = z.object({
  /** What was ticked on the consent page: nobody is sent anywhere before that. */
  scopes: z.array(z.string()).optional(),
  /** A sign-in at somebody else's page that has not come back yet. */
  pending: z
    .object({ driver: z.string(), state: z.string(), stash: z.record(z.string(), z.string()) })
    .optional(),
});
export type VisitState = z.infer<typeof VisitState>;

/** Why somebody signs in: to connect a client, or to open the account page. */
export interface Visit {
  /** Unique: tries are counted by it. */
  id: string;
  /** Where its pages are. */
  base: string;
  /** How a `state` says that it belongs here. */
  stateKey: string;
  /** The client's name, when there is one. */
  purpose: string | undefined;
  /** The profile that the client wants to use. */
  profile: string | undefined;
  csrf: string;
  state: VisitState;
  /** Whether a form is from a page of this visit. Errors: `forbidden`. */
  check(form: Form): void;
  save(state: VisitState): Promise<void>;
  /** Answers: it is done, for this account. */
  complete(account: Account): Promise<void>;
}

/** Finds the visit that a request belongs to. Errors: `not_found`, `forbidden`. */
export interface Visits {
  interaction(request: FastifyRequest, reply: FastifyReply, uid: string): Promise<Visit>;
  /** Looking at a page begins one where there is none; posting a form does not. */
  account(request: FastifyRequest, reply: FastifyReply): Visit;
}

export const accountStateKey = 'account';
