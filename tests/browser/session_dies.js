// A session in a real browser dies when the directory deactivates its owner.
//
//   node session_dies.js    MUSTER, CHROMIUM: the binaries; FOLDER: for database, logs and screenshot

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';

import { chromium } from 'playwright-core';

import { AUDIENCE, startApplication } from './application.js';
import { freePort, startMuster } from './muster.js';
import { startProvider } from './provider.js';

const { MUSTER, CHROMIUM, FOLDER } = process.env;
const PATIENCE = 10_000;

const AUTHORIZATION = `Bearer ${randomUUID()}`;
const JO = { userName: 'jo@acme.test', externalId: '00u7k2mZ', displayName: 'Jo Leaver', active: true };
const KIM = { userName: 'kim@acme.test', externalId: '00u9p4qX', displayName: 'Kim Stayer', active: true };

let open;

async function main() {
  const [providerPort, applicationPort] = [await freePort(), await freePort()];
  const client = {
    client_id: 'application',
    client_secret: randomUUID(),
    redirect_uris: [`http://127.0.0.1:${applicationPort}/callback`],
  };
  const provided = `http://127.0.0.1:${providerPort}`;
  const muster = await startMuster({ binary: MUSTER, folder: FOLDER, subjectIssuer: provided });
  const { directory } = muster;
  const provider = await startProvider({ port: providerPort, directory, client });
  const trust = { issuer: muster.issuer, jwks: muster.jwks, authorization: AUTHORIZATION };
  const application = await startApplication({ port: applicationPort, provider: provider.issuer, client, trust });
  await muster.pushTo(`${application.url}/events`, AUTHORIZATION, AUDIENCE);
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: process.getuid() === 0 ? ['--no-sandbox'] : [] });
  try {
    await story({ application, directory, browser });
  } catch (error) {
    await report(error);
    process.exitCode = 1;
  } finally {
    await browser.close();
    [application, provider, muster].forEach((it) => it.stop());
  }
}

async function story({ application, directory, browser }) {
  const { id } = await directory.create(JO);
  await directory.create(KIM);
  const jo = await visitor(browser);
  const kim = await visitor(browser);
  await logIn(jo, application, JO);
  await logIn(kim, application, KIM);
  await shows(jo, 'Desk', JO);
  await shows(kim, 'Desk', KIM);

  const ended = once(application.events, 'ended', { signal: AbortSignal.timeout(PATIENCE) });
  await directory.deactivate(id);
  const answered = performance.now();
  const [event] = await ended;
  assert.equal(event.sub, JO.externalId);
  assert.equal(event.ended, 1, 'one session ended');

  open = jo;
  await jo.getByRole('link', { name: 'Papers' }).click();
  await jo.getByRole('heading', { name: 'Log in' }).waitFor();
  console.log(`the session ended ${words(event.at - answered)} the directory was answered; the next click shows the login page`);
  await jo.locator('input[name=login]').fill(JO.userName);
  await jo.getByRole('button').click();
  await jo.getByText(`${JO.userName} may not log in.`).waitFor();
  await jo.goto(`${application.url}/papers`);
  await jo.getByRole('heading', { name: 'Log in' }).waitFor();
  console.log('the login is refused too');

  open = kim;
  await kim.getByRole('link', { name: 'Papers' }).click();
  await shows(kim, 'Papers', KIM);
  console.log('a colleague is still logged in');
}

// Somebody with a browser of their own.
async function visitor(browser) {
  const context = await browser.newContext();
  context.setDefaultTimeout(PATIENCE);
  return context.newPage();
}

async function logIn(page, application, person) {
  open = page;
  await page.goto(application.url);
  await page.locator('input[name=login]').fill(person.userName);
  await page.getByRole('button').click();
}

async function shows(page, title, person) {
  open = page;
  await page.getByRole('heading', { name: title }).waitFor();
  assert.equal(await page.locator('#person').innerText(), person.displayName);
}

// The event may be faster than the answer is read.
function words(milliseconds) {
  return `${Math.abs(milliseconds).toFixed(1)} ms ${milliseconds < 0 ? 'before' : 'after'}`;
}

// Tells what went wrong and shows the page on which it did.
async function report(error) {
  console.error(error);
  if (!open) return;
  const picture = `${FOLDER}/page.png`;
  console.error(`the page ${open.url()} says:\n${await open.locator('body').innerText()}`);
  await open.screenshot({ path: picture });
  console.error(`screenshot: ${picture}`);
}

await main();
