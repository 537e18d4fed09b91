// The application: people log in at the provider, their sessions are cookies of express-session, and
// Muster's security events end them (RFC 8935).

import { randomUUID } from 'node:crypto';
import { EventEmitter, once } from 'node:events';

import express from 'express';
import session from 'express-session';
import { createRemoteJWKSet, errors, jwtVerify } from 'jose';
import { Issuer, generators } from 'openid-client';

import { page } from './page.js';

const SESSION_REVOKED = 'https://schemas.openid.net/secevent/caep/event-type/session-revoked';

export const AUDIENCE = 'https://application.test';

// `trust` has the issuer and key set of the events, and the `Authorization` that they come with.
export async function startApplication({ port, provider, client, trust }) {
  const sessions = new session.MemoryStore();
  const events = new EventEmitter();
  const app = express();
  app.post('/events', express.text({ type: 'application/secevent+jwt' }), receiver({ provider, trust, sessions, events }));
  app.use(session({
    store: sessions,
    secret: randomUUID(),
    resave: false,
    saveUninitialized: false,
    cookie: { httpOnly: true, sameSite: 'lax' },
  }));
  await addPages(app, { port, provider, client });
  const server = app.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return { url: `http://127.0.0.1:${port}`, events, stop: () => server.close() };
}

async function addPages(app, { port, provider, client }) {
  const issuer = await Issuer.discover(provider);
  const relying = new issuer.Client(client);
  const redirect_uri = `http://127.0.0.1:${port}/callback`;

  app.get('/login', (request, response) => {
    const [state, nonce, code_verifier] = [generators.state(), generators.nonce(), generators.codeVerifier()];
    request.session.login = { state, nonce, code_verifier };
    const code_challenge = generators.codeChallenge(code_verifier);
    response.redirect(relying.authorizationUrl({
      scope: 'openid profile', redirect_uri, state, nonce, code_challenge, code_challenge_method: 'S256',
    }));
  });
  app.get('/callback', async (request, response, next) => {
    try {
      const checks = request.session.login ?? {};
      const tokens = await relying.callback(redirect_uri, relying.callbackParams(request), checks);
      const person = await relying.userinfo(tokens);
      // A cookie from before the login must not become a session (session fixation).
      request.session.regenerate((error) => {
        if (error) return next(error);
        request.session.person = { sub: person.sub, name: person.name };
        response.redirect('/');
      });
    } catch (error) {
      next(error);
    }
  });
  app.get(['/', '/papers'], (request, response) => {
    const { person } = request.session;
    if (!person) return response.redirect('/login');
    const title = request.path === '/' ? 'Desk' : 'Papers';
    response.send(page(title, `<p id="person">${person.name}</p><a href="/">Desk</a> <a href="/papers">Papers</a>`));
  });
}

// Takes Sets. Whom they name is matched by `iss` and `sub`, as the provider issues them.
function receiver({ provider, trust, sessions, events }) {
  const keys = createRemoteJWKSet(new URL(trust.jwks));
  return async (request, response) => {
    const refuse = (err, description) => response.status(400).json({ err, description });
    if (request.get('authorization') !== trust.authorization) {
      return refuse('authentication_failed', 'the Authorization header is not the agreed one');
    }
    try {
      const { payload } = await jwtVerify(request.body, keys, {
        issuer: trust.issuer, audience: AUDIENCE, typ: 'secevent+jwt', algorithms: ['RS256'], requiredClaims: ['jti', 'iat'],
      });
      const { format, iss, sub } = payload.sub_id;
      if (payload.events[SESSION_REVOKED] && format === 'iss_sub' && iss === provider) {
        const ended = await endSessions(sessions, sub);
        events.emit('ended', { sub, ended, txn: payload.txn, at: performance.now() });
      }
      response.status(202).end();
    } catch (error) {
      if (!(error instanceof errors.JOSEError)) throw error;
      const err = error instanceof errors.JWKSNoMatchingKey ? 'invalid_key' : 'invalid_request';
      refuse(err, error.message);
    }
  };
}

async function endSessions(store, sub) {
  const all = await new Promise((resolve, reject) => store.all((error, found) => (error ? reject(error) : resolve(found))));
  const theirs = Object.entries(all).filter(([, { person }]) => person?.sub === sub);
  for (const [id] of theirs) {
    await new Promise((resolve, reject) => store.destroy(id, (error) => (error ? reject(error) : resolve())));
  }
  return theirs.length;
}
