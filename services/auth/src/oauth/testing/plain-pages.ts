import { isScope, scopes } from '@inferry/contracts';
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { sendPage } from '../http/send-page.ts';
import type { Interactions, OAuthPages, SignIn } from '../interactions/interactions.ts';
import { escapeHtml, plainPage } from '../interactions/plain-views.ts';

const Form = z.object({
  csrf: z.string().optional(),
  name: z.string().max(100).optional(),
  scope: z.union([z.string(), z.array(z.string())]).optional(),
  decision: z.enum(['allow', 'deny']),
});

/** Pages that believe any name: for tests and nothing else. */
export const plainPages: OAuthPages = {
  async mount(app: FastifyInstance, interactions: Interactions) {
    app.get('/oauth/interaction/:uid', async (request, reply) => {
      const signIn = await interactions.read(request);
      sendPage(reply, 200, consent(signIn));
      return reply;
    });
    app.post('/oauth/interaction/:uid', async (request, reply) => {
      const form = Form.parse(request.body);
      const signIn = await interactions.read(request);
      interactions.checkForm(request, signIn, form);
      if (form.decision === 'deny') await interactions.deny(request, reply);
      else {
        const subject = form.name ?? 'somebody';
        const ticked = [form.scope ?? []].flat().filter(isScope);
        await interactions.finish(request, reply, { subject, display: subject, scopes: ticked });
      }
      return reply;
    });
  },
};

function consent({ uid, client, requestedScopes, csrf }: SignIn): string {
  const boxes = Object.entries(scopes).map(([scope, meaning]) => {
    const checked = requestedScopes.some((asked) => asked === scope) ? ' checked' : '';
    return `<label><input type="checkbox" name="scope" value="${scope}"${checked}>${escapeHtml(meaning)}</label>`;
  });
  const who = client.verifiedHost ?? 'unverified client';
  return plainPage(
    `${client.name} wants access`,
    `<p>${escapeHtml(who)}; the code goes to ${escapeHtml(client.redirectHost)}${client.isLoopback ? ' (this computer)' : ''}</p>
    <form method="post" action="/oauth/interaction/${uid}"><input type="hidden" name="csrf" value="${csrf}">
    <input name="name" value="ada">${boxes.join('')}
    <button name="decision" value="allow">Allow</button><button name="decision" value="deny">Deny</button></form>`,
  );
}
