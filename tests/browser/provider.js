// The platform's OpenID provider. It knows people by what the directory put into Muster: whoever is
// not active there cannot log in, not even with a session that the provider itself still holds.

import { randomUUID } from 'node:crypto';
import { once } from 'node:events';

import express from 'express';
import { Provider, interactionPolicy } from 'oidc-provider';

import { page } from './page.js';

const HOUR = 3600;
const INTERACTION = '/interaction/:uid';

// `directory.find(attribute, value)` gives the SCIM user of that value, or nothing.
export async function startProvider({ port, directory, client }) {
  const active = async (externalId) => {
    const user = await directory.find('externalId', externalId);
    return user?.active ? user : undefined;
  };
  const issuer = `http://127.0.0.1:${port}`;
  const provider = new Provider(issuer, {
    clients: [client],
    claims: { openid: ['sub'], profile: ['name', 'preferred_username'] },
    conformIdTokenClaims: false,
    cookies: { keys: [randomUUID()] },
    features: { devInteractions: { enabled: false } },
    interactions: { policy: policy(active), url: (_, { uid }) => `/interaction/${uid}` },
    ttl: { AccessToken: HOUR, Grant: HOUR, IdToken: HOUR, Interaction: HOUR, Session: HOUR },
    // The application is the platform's own: nobody is asked for consent.
    loadExistingGrant: async (ctx) => {
      const { client, session } = ctx.oidc;
      const grant = new ctx.oidc.provider.Grant({ clientId: client.clientId, accountId: session.accountId });
      grant.addOIDCScope('openid profile');
      await grant.save();
      return grant;
    },
    findAccount: async (_, externalId) => {
      const user = await active(externalId);
      if (!user) return undefined;
      const claims = () => ({ sub: externalId, name: user.displayName, preferred_username: user.userName });
      return { accountId: externalId, claims };
    },
  });

  const app = express();
  app.get(INTERACTION, async (request, response) => {
    const { uid } = await provider.interactionDetails(request, response);
    response.send(loginPage(uid));
  });
  app.post(INTERACTION, express.urlencoded({ extended: false }), async (request, response) => {
    const { uid } = await provider.interactionDetails(request, response);
    const user = await directory.find('userName', request.body.login);
    if (!user?.active) {
      response.status(403).send(loginPage(uid, `${request.body.login} may not log in.`));
      return;
    }
    await provider.interactionFinished(request, response, { login: { accountId: user.externalId } });
  });
  app.use(provider.callback());
  const server = app.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return { issuer, stop: () => server.close() };
}

// The provider's own session of somebody who left is no reason to skip the login.
function policy(active) {
  const { Check, base } = interactionPolicy;
  const prompts = base();
  const left = new Check('account_left', 'the account is no longer active', 'login_required', async (ctx) => {
    const { accountId } = ctx.oidc.session;
    return accountId && !(await active(accountId)) ? Check.REQUEST_PROMPT : Check.NO_NEED_TO_PROMPT;
  });
  prompts.get('login').checks.add(left);
  return prompts;
}

function loginPage(uid, refusal = '') {
  return page('Log in', `
    <p id="refusal">${refusal}</p>
    <form method="post" action="/interaction/${uid}">
      <input name="login" autocomplete="username" autofocus>
      <button>Log in</button>
    </form>`);
}
