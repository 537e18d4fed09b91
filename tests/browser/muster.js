// Muster as a process of its own, and the directory that speaks SCIM to it.

import { execFile, spawn } from 'node:child_process';
import { openSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { promisify } from 'node:util';

const TENANT = 'acme';

export async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

// Serves one tenant. The database, the key and the log are in `folder`.
export async function startMuster({ binary, folder, subjectIssuer }) {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const log = `${folder}/muster.log`;
  const shared = ['--database-url', `sqlite:${folder}/muster.db`, '--secret-key-file', `${folder}/muster.key`, '--public-url', url];
  const command = async (...args) => {
    const { stdout } = await promisify(execFile)(binary, [...shared, '--allow-http-receivers=true', '--json', ...args]);
    return JSON.parse(stdout);
  };
  await command('tenant', 'create', TENANT, '--subject-issuer', subjectIssuer);
  await command('connection', 'create', TENANT, 'directory');
  const { token } = await command('token', 'issue', TENANT, '--connection', 'directory',
    '--scope', 'scim.read', '--scope', 'scim.write', '--label', 'directory');

  const args = [...shared, '--allow-http-receivers=true', 'serve', '--listen', `127.0.0.1:${port}`, '--ops-listen', 'off'];
  const process = spawn(binary, args, { stdio: ['ignore', 'ignore', openSync(log, 'a')] });
  await answers(`${url}/t/${TENANT}/jwks.json`, process, log);
  return {
    issuer: `${url}/t/${TENANT}`,
    jwks: `${url}/t/${TENANT}/jwks.json`,
    directory: directory(`${url}/t/${TENANT}/scim/v2`, token),
    // Pushes events to `endpoint`, each with `authorization`.
    pushTo: async (endpoint, authorization, audience) => {
      const secret = `${folder}/authorization`;
      await writeFile(secret, authorization, { mode: 0o600 });
      return command('stream', 'create', TENANT, '--push-url', endpoint, '--authorization-file', secret, '--audience', audience);
    },
    stop: () => process.kill(),
  };
}

async function answers(url, process, log) {
  for (let tries = 0; tries < 300; tries += 1) {
    if (process.exitCode !== null) break;
    const answer = await fetch(url).catch(() => undefined);
    if (answer?.ok) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`muster serve does not answer at ${url}; its log is ${log}`);
}

// The partner's directory.
function directory(base, token) {
  const request = async (method, path, body) => {
    const answer = await fetch(base + path, {
      method,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/scim+json' },
      body: body && JSON.stringify(body),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
    return JSON.parse(text);
  };
  return {
    create: (user) => request('POST', '/Users', { schemas: ['urn:ietf:params:scim:schemas:core:2.0:User'], ...user }),
    find: async (attribute, value) => {
      const filter = encodeURIComponent(`${attribute} eq ${JSON.stringify(value)}`);
      const { Resources: found } = await request('GET', `/Users?filter=${filter}`);
      return found?.[0];
    },
    deactivate: (id) => request('PATCH', `/Users/${id}`, {
      schemas: ['urn:ietf:params:scim:api:messages:2.0:PatchOp'],
      Operations: [{ op: 'replace', path: 'active', value: false }],
    }),
  };
}
