// End-to-end in a real Chromium: `npm run e2e` (against the mock) or
// `npm run e2e -- --url http://127.0.0.1:8000 --user admin --password …` (or LYCAON_URL, LYCAON_USER, LYCAON_PASSWORD).
// `--shots DIR` writes screenshots of every page (`--just-shots`: and does nothing else), `--only WORD` runs the stories that have the word in their name.

import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { startMock } from '../mock/server.mjs';
import { launch, openPage, signIn } from './browser.mjs';
import { accessible } from './checks.mjs';
import { takeShots } from './shots.mjs';
import { STORIES } from './stories.mjs';

const { values: given } = parseArgs({
  options: {
    url: { type: 'string' },
    user: { type: 'string' },
    password: { type: 'string' },
    shots: { type: 'string' },
    'just-shots': { type: 'boolean' },
    only: { type: 'string' },
  },
});
const url = given.url ?? process.env.LYCAON_URL;
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

let passed = 0;
let failed = 0;
async function report(name, act) {
  const began = Date.now();
  try {
    await act();
    passed += 1;
    console.log(`ok      ${name} (${((Date.now() - began) / 1000).toFixed(1)} s)`);
  } catch (error) {
    failed += 1;
    console.log(`FAILED  ${name}\n    ${error.message}`);
  }
}

async function tell(browser, target, story, mock) {
  const opened = await openPage(browser, target.base, { scheme: story.scheme });
  const { page, context, expect, wrong, close } = opened;
  page.setDefaultTimeout(15_000);
  try {
    // Asking who is signed in, before somebody is, answers 401: the browser writes that to the console by itself.
    expect(/Failed to load resource.*401/);
    if (!story.signedOut) await signIn(page, target);
    await story.act({ page, context, target, expect, axe, mock });
    const found = wrong();
    if (found.length)
      throw new Error(`the page complained:\n      ${[...new Set(found)].slice(0, 8).join('\n      ')}`);
  } catch (error) {
    if (given.shots)
      await page
        .screenshot({ path: `${given.shots}/failed-${story.name.replace(/\W+/g, '-').slice(0, 60)}.png` })
        .catch(() => {});
    throw new Error(`${error.message}\n    at ${page.url()}`);
  } finally {
    await close();
  }
}

/** A server without anything: every page says what to do next. Only the mock can be so. */
async function emptyServer(browser) {
  const mock = await startMock({ port: 0, empty: true });
  const target = { base: mock.url, user: mock.user, password: mock.password };
  try {
    await report('empty server: every page says what to do next', () =>
      tell(browser, target, {
        scheme: 'light',
        async act({ page }) {
          for (const [path, words] of [
            ['/', 'No client has enrolled yet'],
            ['/hunts', 'No hunt yet'],
            ['/clients', 'No client has enrolled yet'],
            ['/tokens', 'No token yet'],
            ['/audit', 'Nothing has been done yet'],
            ['/monitoring', 'Nothing is monitored'],
            ['/nodes', 'answers you'],
            ['/log', 'No tenant or no rule yet'],
            ['/log?tab=streams', 'No stream yet'],
            ['/log?tab=rules', 'No rule yet'],
            ['/log?tab=tenants', 'No tenant yet'],
            ['/log?tab=engines', 'No engine yet'],
            ['/log?tab=backfills', 'Nothing was read again yet'],
            ['/log?tab=outbox', 'Everybody has been told'],
            ['/log?tab=changes', 'Nothing was changed yet'],
            ['/log?tab=files', 'Nothing is wrong with the files'],
            ['/findings', 'Nothing was found yet'],
            ['/findings?view=matrix', 'No finding names a technique'],
          ]) {
            await page.goto(target.base + path);
            await page.getByText(words).first().waitFor();
            await accessible(page, path, axe);
          }
        },
      }),
    );
    if (given.shots) await takeShots(browser, target, given.shots, { tag: 'empty-' });
  } finally {
    mock.stop();
  }
}

async function main() {
  if (!url && !existsSync(fileURLToPath(new URL('../../dist/index.html', import.meta.url)))) {
    console.error('there is no dist/index.html: run `npm run build` first');
    process.exit(1);
  }
  const mock = url ? null : await startMock({ port: 0 });
  const target = {
    base: (url ?? mock.url).replace(/\/$/, ''),
    user: given.user ?? process.env.LYCAON_USER ?? mock?.user ?? 'admin',
    password: given.password ?? process.env.LYCAON_PASSWORD ?? mock?.password ?? '',
  };
  const browser = await launch();
  try {
    for (const story of STORIES) {
      if (given['just-shots'] || (given.only && !story.name.includes(given.only))) continue;
      await report(story.name, () => tell(browser, target, story, mock));
      // Without signing in nothing else can pass: say so at once.
      if (failed > 0 && story.signedOut) break;
    }
    if (mock && !given.only) await emptyServer(browser);
    if (given.shots && !given.only) await takeShots(browser, target, given.shots, { mock });
  } finally {
    await browser.close();
    mock?.stop();
  }
  console.log(`${passed} passed, ${failed} failed`);
  process.exitCode = failed > 0 || passed === 0 ? 1 : 0;
}

main().catch((error) => {
  console.error(error.message);
  console.log(`${passed} passed, ${failed + 1} failed`);
  process.exit(1);
});
