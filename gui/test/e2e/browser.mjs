// A real Chromium, and pages that remember everything that went wrong on them.

import { existsSync } from 'node:fs';
import { delimiter, isAbsolute, join } from 'node:path';
import { chromium } from 'playwright-core';

/** Programs that will do, best first; names are looked for on the PATH. */
function candidates() {
  const names = [process.env.CHROMIUM, 'chromium', 'chromium-browser', 'google-chrome', 'chrome'].filter(Boolean);
  const folders = (process.env.PATH ?? '').split(delimiter).concat('/usr/bin');
  return names.flatMap((name) => (isAbsolute(name) ? [name] : folders.map((folder) => join(folder, name))));
}

export async function launch() {
  const executablePath = candidates().find((place) => existsSync(place));
  if (!executablePath) throw new Error('no Chromium found: install one or name it in CHROMIUM');
  return chromium.launch({
    executablePath,
    headless: true,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
}

/** A page of its own; `wrong` gathers console errors, thrown errors, CSP violations and requests to other origins. */
export async function openPage(browser, base, { scheme = 'light', width = 1440, height = 900 } = {}) {
  const context = await browser.newContext({
    colorScheme: scheme,
    viewport: { width, height },
    reducedMotion: 'reduce',
    acceptDownloads: true,
  });
  const page = await context.newPage();
  const wrong = [];
  const expected = [];
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning')
      wrong.push(`console ${message.type()}: ${message.text()}`);
  });
  page.on('pageerror', (error) => wrong.push(`thrown: ${error.message}`));
  page.on('request', (request) => {
    const url = new URL(request.url());
    if (/^https?:$/.test(url.protocol) && url.origin !== new URL(base).origin)
      wrong.push(`foreign request: ${url.href}`);
  });
  await context.exposeBinding('reportViolation', (_, text) => wrong.push(`CSP: ${text}`));
  await context.addInitScript(() => {
    document.addEventListener('securitypolicyviolation', (event) => {
      window.reportViolation(
        `${event.violatedDirective} ${event.blockedURI} ${event.sourceFile ?? ''}:${event.lineNumber} ${event.sample ?? ''}`,
      );
    });
  });
  return {
    page,
    context,
    /** What went wrong and was not announced with `expect`. */
    wrong: () => wrong.filter((text) => !expected.some((pattern) => pattern.test(text))),
    expect: (pattern) => expected.push(pattern),
    close: () => context.close(),
  };
}

export async function signIn(page, { base, user, password }, path = '/') {
  await page.goto(base + path);
  await page.getByLabel('User', { exact: false }).first().fill(user);
  await page.locator('input[type=password]').fill(password);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('navigation', { name: 'Main' }).waitFor();
}
