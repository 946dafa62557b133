// What people do, as a real browser does it. Each story gets a signed-in page unless it says otherwise; the runner adds
// to every one of them: no console error, no violation of the Content-Security-Policy, no request to another origin.

import { readFile } from 'node:fs/promises';
import { signIn } from './browser.mjs';
import { accessible, equal, numberIn, truth, until } from './checks.mjs';
import { HUNT_STORIES } from './hunt-stories.mjs';
import { INSTALLATION_STORIES } from './installation-stories.mjs';
import { RESULT_STORIES } from './result-stories.mjs';
import { LOG_STORIES, logPages } from './log-stories.mjs';

const grid = (page) => page.getByRole('grid');
const rowsIn = (page) => page.locator('.tbody .tr:not(:has(.bone))');
const tally = async (page) => numberIn(await page.locator('.tally').first().innerText());
const cells = (page, column) => page.locator('.tbody .tr').locator(`.td:nth-child(${column})`).allInnerTexts();
const links = (page, column) => page.locator('.tbody .tr').locator(`.td:nth-child(${column}) a`).allInnerTexts();
const queue = async (page, name) => numberIn(await page.locator(`[data-queue=${name}]`).innerText());
const finished = async (page) => (await queue(page, 'completed')) + (await queue(page, 'results'));
const api = (page, path) => page.evaluate(async (p) => (await fetch(`/api/v1${p}`)).json(), path);
let shared = {};

/** A hunt with rows, made by the story before or found on the server. */
async function huntWithRows(page) {
  if (shared.hunt) return shared.hunt;
  const { items } = await api(page, '/hunts?limit=200');
  const found = [...items].sort((a, b) => b.rows - a.rows)[0];
  truth('there is a hunt with rows', found && found.rows > 0);
  return found.id;
}

async function fillEditor(page, label, text) {
  const editor = page.locator(`[data-editor="${label}"] .cm-content`);
  await editor.waitFor();
  await editor.click();
  await page.keyboard.press('Control+a');
  await page.keyboard.press('Delete');
  await page.keyboard.insertText(text);
}

async function throughWizard(page, base, name, { condition } = {}) {
  await page.goto(`${base}/hunts/new`);
  await page.getByLabel('Find artifacts').first().waitFor();
  const search = page.getByPlaceholder('cron, users, network');
  await search.fill('sys users');
  await page.getByRole('button', { name: /^Linux\.Sys\.Users/ }).waitFor();
  await search.press('Enter');
  await page.getByRole('region', { name: 'Linux.Sys.Users' }).waitFor();
  await page.getByRole('button', { name: 'From whom' }).last().click();
  if (condition) await fillEditor(page, 'Condition on the server', condition);
  await page.getByRole('button', { name: 'Pace and limits' }).last().click();
  await page.getByLabel('Rate', { exact: true }).fill('unlimited');
  await page.getByRole('button', { name: 'Review' }).last().click();
  await page.getByLabel(/^Name/).fill(name);
}

async function confirmStart(page, name) {
  await page.getByRole('button', { name: 'Start…' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByText('This will ask').waitFor();
  const typed = dialog.getByLabel(/to go on$/);
  const start = dialog.getByRole('button', { name: 'Start' });
  if (await typed.count()) truth('a wide hunt cannot start before its name is typed', await start.isDisabled());
  // The count may come anew while the dialog is open, and make it a wide one.
  await until('it can start', async () => {
    if (await typed.count()) await typed.fill(name);
    return start.isEnabled();
  });
  await dialog.getByRole('button', { name: 'Start' }).click();
  await page.getByRole('heading', { name: `Hunt: ${name}` }).waitFor();
}

export const STORIES = [
  {
    name: 'sign in: a wrong password is said, a right one opens what the address names',
    signedOut: true,
    async act({ page, target, expect }) {
      expect(/401/);
      await page.goto(`${target.base}/clients?online=true`);
      await page.getByLabel(/^User/).fill(target.user);
      await page.locator('input[type=password]').fill('certainly wrong');
      await page.getByRole('button', { name: 'Sign in' }).click();
      await page.getByText('User or password is wrong').waitFor();
      await page.locator('input[type=password]').fill(target.password);
      await page.locator('input[type=password]').press('Enter');
      await page.getByRole('heading', { name: 'Clients' }).waitFor();
      truth('the address kept its filter', page.url().includes('online=true'));
    },
  },
  {
    name: 'overview: numbers, hunts with bars, live mark',
    async act({ page, target }) {
      await page.goto(target.base);
      const numbers = await api(page, '/overview');
      await until('the number of clients is shown', async () =>
        (await page.getByText(/of [\d,]+ clients? online/).innerText()).includes(
          numbers.clients.toLocaleString('en-US'),
        ),
      );
      await until('the page is live', async () => (await page.locator('.live').innerText()) === 'Live');
    },
  },
  {
    name: 'wizard: state is kept when going back, mistakes are shown where they are',
    async act({ page, target }) {
      await page.goto(`${target.base}/hunts/new?artifact=Generic.FileFinder`);
      const form = page.getByRole('region', { name: 'Generic.FileFinder' });
      await form.waitFor();
      await page.getByRole('button', { name: 'From whom' }).last().click();
      await fillEditor(page, 'Condition on the server', 'SELEKT * FROM rows');
      await page
        .getByText(/^Line 1/)
        .first()
        .waitFor();
      await fillEditor(page, 'Condition on the server', "SELECT * FROM rows WHERE OS = 'linux'");
      await page.getByText('The query is understood.').waitFor();
      await page.getByRole('button', { name: 'Pace and limits' }).last().click();
      await page.getByLabel('Rate', { exact: true }).fill('fast');
      await page.getByText('Such as 20/min, or unlimited').waitFor();
      truth('a bad rate stops the way on', await page.getByRole('button', { name: 'Review' }).last().isDisabled());
      await page.getByLabel('Rate', { exact: true }).fill('30/min');
      await page.getByRole('button', { name: 'Back' }).click();
      await until('the condition is still there', async () =>
        (await page.locator('[data-editor="Condition on the server"] .cm-content').innerText()).includes(
          "OS = 'linux'",
        ),
      );
      await page.reload();
      await until('the condition survives a reload', async () =>
        (await page.locator('[data-editor="Condition on the server"] .cm-content').innerText()).includes(
          "OS = 'linux'",
        ),
      );
      await page.goBack();
      await page.goto(`${target.base}/hunts/new?step=review`);
      await page.getByText('Generic.FileFinder').first().waitFor();
      await page.getByText('30/min').first().waitFor();
      await page.getByRole('button', { name: 'Begin anew' }).click();
    },
  },
  {
    name: 'wizard: a parameter that does not fit is said at its field',
    async act({ page, target }) {
      const all = await api(page, '/artifacts');
      let picked;
      for (const { name, kind } of all) {
        if (kind !== 'client') continue;
        const { parameters } = await api(page, `/artifacts/${encodeURIComponent(name)}`);
        const p = parameters.find((x) => x.kind === 'int' || x.kind === 'int64');
        if (p) picked = { name, label: p.label || p.name };
        if (picked) break;
      }
      truth('an artifact with a whole number among its parameters', picked);
      await page.goto(`${target.base}/hunts/new?artifact=${picked.name}`);
      const field = page.getByRole('region', { name: picked.name }).getByLabel(picked.label, { exact: true });
      await field.fill('many');
      await until('the field says so', async () => (await field.getAttribute('aria-invalid')) === 'true');
      await page.getByRole('button', { name: 'Begin anew' }).click();
    },
  },
  {
    name: 'editor: what may stand at the cursor is offered and can be taken',
    async act({ page, target }) {
      await page.goto(`${target.base}/hunts/new?artifact=Linux.Sys.Users`);
      await page.getByRole('region', { name: 'Linux.Sys.Users' }).waitFor();
      await page.getByRole('button', { name: 'From whom' }).last().click();
      const label = 'Condition on the server';
      await fillEditor(page, label, '');
      const editor = page.locator(`[data-editor="${label}"] .cm-content`);
      const written = async () => (await editor.innerText()).trim();
      const offers = page.locator(`[data-editor="${label}"] .cm-tooltip-autocomplete li`);
      await page.keyboard.type('SELECT * FROM ro');
      await offers.getByText('rows', { exact: true }).click();
      await until('the offer is taken', async () => (await written()) === 'SELECT * FROM rows');
      await until('the list is gone', async () => (await offers.count()) === 0);
      await page.getByRole('button', { name: 'Begin anew' }).click();
    },
  },
  {
    name: 'hunt: made in the wizard, started with its size, counts move without a reload',
    async act({ page, target, mock }) {
      const name = `Seen by a browser ${Date.now().toString(36)}`;
      await throughWizard(page, target.base, name, { condition: 'SELECT * FROM rows' });
      await confirmStart(page, name);
      shared.hunt = new URL(page.url()).pathname.split('/').at(-1);
      await page.evaluate(() => (window.notReloaded = true));
      // A new hunt starts from nothing; the first clients may have finished before this line is reached.
      await until('finished clients are counted', async () => (await finished(page)) > 0, 90_000);
      await until('results are counted', async () => (await queue(page, 'results')) > 0, 90_000);
      truth('the page was not reloaded', await page.evaluate(() => window.notReloaded));
      if (!mock)
        await until(
          'nobody waits any more',
          async () => (await queue(page, 'pending')) + (await queue(page, 'running')) === 0,
          90_000,
        );
    },
  },
  {
    name: 'hunts: the list shows it, search and state narrow it, Enter opens a row',
    async act({ page, target }) {
      await page.goto(`${target.base}/hunts`);
      await until('hunts are listed', async () => (await rowsIn(page).count()) > 0);
      await page.getByLabel('Search hunts').fill('seen by a browser');
      await until('the search is in the address', () => page.url().includes('q=seen'));
      await until('only such hunts are shown', async () =>
        (await cells(page, 2)).every((t) => t.startsWith('Seen by a browser')),
      );
      await page.getByLabel('State').selectOption('archived');
      await until('the state is in the address', () => page.url().includes('state=archived'));
      await page.goto(`${target.base}/hunts?q=nothing-is-named-so`);
      await page.getByText('No hunt like this').waitFor();
      await page.getByRole('button', { name: 'Show all hunts' }).click();
      await until('all are back', async () => (await rowsIn(page).count()) > 0);
      await grid(page).focus();
      await page.keyboard.press('ArrowDown');
      await page.keyboard.press('Enter');
      await page.getByRole('heading', { name: /^Hunt: / }).waitFor();
    },
  },
  {
    name: 'members: from the bar, by queue, by search, and why',
    async act({ page, target }) {
      const hunt = await huntWithRows(page);
      await page.goto(`${target.base}/hunts/${hunt}?tab=members`);
      await until('members are listed', async () => (await rowsIn(page).count()) > 0);
      const all = await tally(page);
      await page.getByLabel('Queue', { exact: true }).selectOption('results');
      await until('the queue is in the address', () => page.url().includes('queue=results'));
      await until('only this queue is shown', async () => (await cells(page, 1)).every((t) => t.trim() === 'results'));
      truth('it is a part of all', (await tally(page)) <= all);
      const name = (await links(page, 2))[0].trim();
      await page.getByLabel('Search names, ids, reasons').fill(name);
      await until('the search finds it', async () => (await links(page, 2)).every((t) => t.trim() === name));
      await page.getByRole('button', { name: 'Why not…' }).click();
      const dialog = page.getByRole('dialog');
      await dialog.getByLabel('Client').fill(name);
      await dialog
        .getByRole('button', { name: new RegExp(`^${name}`) })
        .first()
        .click();
      await dialog.getByText('It is in the hunt').waitFor();
      truth('the answer has an address', page.url().includes('why=C.'));
      await page.keyboard.press('Escape');
      await until('the dialog is closed', () => !page.url().includes('why='));
      await page.locator('.qpart.q-results').first().click();
      await until('a part of the bar leads to its members', () => page.url().includes('tab=results'));
    },
  },
  {
    name: 'results: sort, filter from the row panel, search, keys, address',
    async act({ page, target }) {
      const hunt = await huntWithRows(page);
      const sources = await api(page, `/hunts/${hunt}/sources`);
      const column = sources[0].columns[0];
      await page.goto(`${target.base}/hunts/${hunt}?tab=results`);
      await until('rows are shown', async () => (await rowsIn(page).count()) > 1);
      const all = await tally(page);
      const header = page.getByRole('columnheader', { name: new RegExp(`^${column}`) });
      const sorter = header.getByRole('button', { name: column, exact: true });
      await sorter.click();
      await until('sorted upwards', async () => (await header.getAttribute('aria-sort')) === 'ascending');
      const inOrder = async (sign) => {
        const page1 = await api(
          page,
          `/hunts/${hunt}/results?source=${encodeURIComponent(sources[0].source)}&sort=${column}${sign < 0 ? '&desc=true' : ''}&limit=5`,
        );
        return page1.items.map((r) => String(r.row[column]));
      };
      const shownFirst = async () => (await cells(page, 2)).slice(0, 3).map((t) => t.trim());
      const same = async (sign) =>
        JSON.stringify(await shownFirst()) === JSON.stringify((await inOrder(sign)).slice(0, 3));
      await until('shown in the order of the server', () => same(1));
      await sorter.click();
      await until(
        'sorted downwards',
        async () => (await header.getAttribute('aria-sort')) === 'descending' && (await same(-1)),
      );
      await grid(page).focus();
      await page.keyboard.press('ArrowDown');
      await page.keyboard.press('Enter');
      const panel = page.getByRole('complementary', { name: 'The row' });
      await panel.waitFor();
      await until('the row is in the address', () => page.url().includes('row='));
      await panel.getByRole('button', { name: `Only rows with this ${column}`, exact: true }).click();
      await until('the filter is in the address', () => page.url().includes('filter='));
      await until('fewer rows, all with the value', async () => {
        const now = await cells(page, 2);
        return (await tally(page)) > 0 && new Set(now.map((t) => t.trim())).size === 1;
      });
      const shared = page.url();
      await page.goto(`${target.base}/hunts`);
      await page.goto(shared);
      await until(
        'a pasted address shows the same',
        async () => (await page.locator('.chip').count()) === 1 && (await rowsIn(page).count()) > 0,
      );
      await page.getByRole('button', { name: /^Remove the filter/ }).click();
      await until('all rows are back', async () => (await tally(page)) >= all);
      await page.getByLabel('Search in all columns').fill('no row says this at all');
      await page.getByText('No row passes').waitFor();
      await page.getByRole('button', { name: 'Show all rows' }).click();
      await until('rows again', async () => (await rowsIn(page).count()) > 0);
      await rowsIn(page).first().locator('.td').nth(1).click();
      await panel.waitFor();
      await page.keyboard.press('Escape');
      await until('Esc closes the panel', async () => (await panel.count()) === 0);
    },
  },
  {
    name: 'results: far rows are fetched when they come into sight, and nothing jumps',
    async act({ page, target }) {
      const { items } = await api(page, '/hunts?limit=200');
      const big = [...items].sort((a, b) => b.rows - a.rows)[0];
      await page.goto(`${target.base}/hunts/${big.id}?tab=results`);
      await until('rows are shown', async () => (await rowsIn(page).count()) > 0);
      const count = await tally(page);
      await grid(page).focus();
      await page.keyboard.press('End');
      await until(
        'the last row is shown',
        async () =>
          (await page
            .locator(
              `#${await page
                .locator('.tbody .tr')
                .last()
                .getAttribute('id')
                .then((id) => CSS_escape(id))}:not(:has(.bone))`,
            )
            .count()) === 1,
      );
      const last = await page.locator('.tbody .tr').last().getAttribute('aria-rowindex');
      truth('it is near the end', Number(last) >= Math.min(count, 100));
      const top = await grid(page).evaluate((e) => e.scrollTop);
      await page.waitForTimeout(2500);
      equal('the place in the table', await grid(page).evaluate((e) => e.scrollTop), top);
    },
  },
  {
    name: 'download: zip of the hunt, CSV of what is shown',
    async act({ page, target }) {
      const hunt = await huntWithRows(page);
      await page.goto(`${target.base}/hunts/${hunt}?tab=results`);
      await until('rows are shown', async () => (await rowsIn(page).count()) > 0);
      const get = async (item) => {
        await page.getByRole('button', { name: 'Download' }).click();
        const [download] = await Promise.all([
          page.waitForEvent('download'),
          page.getByRole('menuitem', { name: item }).click(),
        ]);
        return readFile(await download.path());
      };
      const zip = await get(/as a zip/);
      equal('the zip begins as one', zip.subarray(0, 2).toString('latin1'), 'PK');
      truth('the zip is more than empty', zip.length > 200);
      const csv = (await get(/as CSV/)).toString('utf8');
      truth('the CSV has a heading and rows', csv.startsWith('_client,') && csv.trim().split('\n').length > 1);
    },
  },
  {
    name: 'hunt: a draft is started, paused, resumed, edited and stopped, each with its sentence',
    async act({ page, target, mock }) {
      const name = `Draft ${Date.now().toString(36)}`;
      await throughWizard(page, target.base, name, { condition: mock ? undefined : 'SELECT * FROM rows WHERE FALSE' });
      await page.getByRole('button', { name: 'Make as draft' }).click();
      await page.getByRole('heading', { name: `Hunt: ${name}` }).waitFor();
      const state = (wanted) =>
        until(`it is ${wanted}`, async () => (await page.locator('.page-head .pill').innerText()).trim() === wanted);
      await state('draft');
      await page.getByRole('button', { name: 'Start', exact: true }).click();
      const dialog = page.getByRole('dialog');
      await dialog.getByText('This will ask').waitFor();
      const typed = dialog.getByLabel(/to go on$/);
      if (await typed.count()) await typed.fill(name);
      await dialog.getByRole('button', { name: 'Start' }).click();
      await state('running');
      await page.getByRole('button', { name: 'Pause' }).click();
      await state('paused');
      await page.getByRole('button', { name: 'Resume' }).click();
      await state('running');
      await page.getByRole('button', { name: 'More actions' }).click();
      await page.getByRole('menuitem', { name: /^Edit rate/ }).click();
      await page.getByRole('dialog').getByLabel('Rate', { exact: true }).fill('15/min');
      await page.getByRole('dialog').getByRole('button', { name: 'Save' }).click();
      await until('the new rate is shown', async () => (await page.getByText('15/min', { exact: true }).count()) > 0);
      await page.getByRole('button', { name: 'Stop' }).click();
      await page
        .getByRole('dialog')
        .getByText(/are cancelled/)
        .waitFor();
      await page.getByRole('dialog').getByRole('button', { name: 'Stop' }).click();
      await state('stopped');
    },
  },
  {
    name: 'clients: list, filter, labels, a flow from the same form, its rows and log',
    async act({ page, target }) {
      await page.goto(`${target.base}/clients?online=true`);
      await until('clients are listed', async () => (await rowsIn(page).count()) > 0);
      const name = (await links(page, 2))[0].trim();
      await page.getByLabel('Search names, addresses').fill(name);
      await until(
        'the search finds it',
        async () => (await rowsIn(page).count()) >= 1 && (await links(page, 2))[0].trim() === name,
      );
      // The list is asked again while clients come and go; a click may meet a row that is drawn anew.
      await until('the link opens the client', async () => {
        const link = page.getByRole('link', { name, exact: true }).first();
        if (!page.url().includes('/clients/C.')) await link.click({ timeout: 2000 }).catch(() => {});
        return page.url().includes('/clients/C.');
      });
      await page.getByRole('heading', { name }).waitFor();
      await page.getByRole('button', { name: 'Edit the labels' }).click();
      const dialog = page.getByRole('dialog');
      await dialog.getByLabel('Labels').fill('seen-by-test');
      await page.keyboard.press('Enter');
      await dialog.getByRole('button', { name: 'Save' }).click();
      await page.locator('.page-head').getByText('seen-by-test').waitFor();
      await page.getByRole('button', { name: 'Edit the labels' }).click();
      // By its own cross: labels are in order, and this one is not the last of every client.
      await dialog.locator('.mantine-Pill-root', { hasText: 'seen-by-test' }).locator('button').click();
      await dialog.getByRole('button', { name: 'Save' }).click();
      await until(
        'the label is gone',
        async () => (await page.locator('.page-head').getByText('seen-by-test').count()) === 0,
      );
      await page.getByRole('button', { name: 'Collect…' }).click();
      await dialog.getByPlaceholder('cron, users, network').fill('sys users');
      await dialog.getByRole('button', { name: /^Linux\.Sys\.Users/ }).click();
      await dialog.getByRole('button', { name: 'Collect', exact: true }).click();
      await page.getByRole('heading', { name: /^Linux\.Sys\.Users on/ }).waitFor();
      await until(
        'the flow ends by itself on the page',
        async () => (await page.locator('.page-head .pill').innerText()).trim() === 'done',
        60_000,
      );
      await until('rows are shown', async () => (await rowsIn(page).count()) > 0);
      await page.getByRole('link', { name: 'Log', exact: true }).click();
      await until(
        'the log is shown',
        async () => page.url().includes('tab=log') && (await page.getByText(/line|The log is empty/).count()) > 0,
      );
      await page.getByRole('link', { name: /^Files/ }).click();
      await page.getByRole('link', { name: 'Request', exact: true }).click();
      await page.getByText('What it asked').waitFor();
    },
  },
  {
    name: 'tokens: made, shown once, withdrawn',
    async act({ page, target }) {
      await page.goto(`${target.base}/tokens`);
      await page.getByRole('button', { name: 'New token' }).click();
      const dialog = page.getByRole('dialog');
      await dialog.getByLabel('May be used for').fill('2h');
      await dialog.getByRole('button', { name: 'Make' }).click();
      await dialog.getByText('It is shown only now').waitFor();
      const token = await page.locator('[data-token]').innerText();
      truth('the token is long enough to be one', token.length > 20);
      await dialog.getByRole('button', { name: 'I have it' }).click();
      await until('the token is not on the page any more', async () => !(await page.content()).includes(token));
      await page.getByRole('button', { name: 'Withdraw' }).first().click();
      await dialog.getByRole('button', { name: 'Withdraw' }).click();
      await page.getByText('withdrawn').first().waitFor();
    },
  },
  {
    name: 'artifacts and audit: read, searched, a hunt from an artifact',
    async act({ page, target }) {
      await page.goto(`${target.base}/artifacts`);
      await until('artifacts are listed', async () => (await rowsIn(page).count()) > 3);
      await page.getByLabel('Search names and descriptions').fill('crontab');
      await page.getByRole('link', { name: 'Linux.Sys.Crontab' }).click();
      await page.getByRole('heading', { name: 'Linux.Sys.Crontab' }).waitFor();
      await page.getByRole('link', { name: 'Hunt with it' }).click();
      await page.getByRole('region', { name: 'Linux.Sys.Crontab' }).waitFor();
      await page.goto(`${target.base}/audit`);
      await until('the audit has what was done', async () => (await page.getByText('hunt.create').count()) > 0);
    },
  },
  {
    name: 'keys: palette, search, g h, n, ?, Esc, a pasted id',
    async act({ page, target }) {
      await page.goto(target.base);
      await page.getByRole('heading', { name: 'Overview' }).waitFor();
      await page.keyboard.press('Control+k');
      const box = page.getByRole('combobox');
      await box.fill('go to artifacts');
      await page.keyboard.press('Enter');
      await page.getByRole('heading', { name: 'Artifacts' }).waitFor();
      await page.keyboard.press('g');
      await page.keyboard.press('h');
      await page.getByRole('heading', { name: 'Hunts', exact: true }).waitFor();
      await page.keyboard.press('?');
      await page.getByRole('dialog').getByText('Commands and search').waitFor();
      await page.keyboard.press('Escape');
      await until('the dialog is closed', async () => (await page.getByRole('dialog').count()) === 0);
      await page.keyboard.press('n');
      await page.getByRole('heading', { name: 'New hunt' }).waitFor();
      const hunt = await huntWithRows(page);
      await page.getByRole('heading', { name: 'New hunt' }).click();
      await page.keyboard.press('/');
      await box.fill(hunt);
      await page.keyboard.press('Enter');
      await page.getByRole('heading', { name: /^Hunt: / }).waitFor();
      truth('the id led to its hunt', page.url().includes(hunt));
    },
  },
  {
    name: 'errors: a failed load says what, the request id, and tries again',
    async act({ page, target, expect }) {
      expect(/500|404/);
      let broken = true;
      await page.route('**/api/v1/clients?*', (route) =>
        broken
          ? route.fulfill({
              status: 500,
              contentType: 'application/json',
              body: JSON.stringify({
                message: 'the store is full',
                hint: 'Free some disk.',
                request_id: 'req-4711',
                problems: [],
              }),
            })
          : route.continue(),
      );
      await page.goto(`${target.base}/clients`);
      const note = page.getByRole('alert');
      await note.getByText('The store is full').waitFor();
      await note.getByText('req-4711').waitFor();
      broken = false;
      await note.getByRole('button', { name: 'Try again' }).click();
      await until('the list comes', async () => (await rowsIn(page).count()) > 0);
      await page.goto(`${target.base}/hunts/H.00000000000000000000000000000000`);
      await page.getByText('Could not load this hunt').waitFor();
      await page.goto(`${target.base}/nothing/here`);
      await page.getByText('There is no such page').waitFor();
    },
  },
  {
    name: 'errors: a lost server is a banner with stale marks, and it comes back by itself',
    async act({ page, context, target, expect }) {
      expect(/ERR_INTERNET_DISCONNECTED|ERR_FAILED|Failed to load resource/);
      const hunt = await huntWithRows(page);
      await page.goto(`${target.base}/hunts/${hunt}`);
      await until('the page is live', async () => (await page.locator('.live').innerText()) === 'Live');
      await page.route('**/api/v1/events', (route) => route.abort());
      await context.setOffline(true);
      await page.evaluate(() => window.dispatchEvent(new Event('offline')));
      await page.reload().catch(() => {});
      await context.setOffline(false);
      await page.goto(`${target.base}/hunts/${hunt}`);
      await page.getByText('The connection to the server is lost').waitFor();
      truth('live numbers are marked stale', await page.evaluate(() => document.body.hasAttribute('data-stale')));
      await page.unroute('**/api/v1/events');
      await page.getByRole('button', { name: 'Try now' }).click();
      await until(
        'the banner goes',
        async () => (await page.getByText('The connection to the server is lost').count()) === 0,
      );
      await until('the page is live again', async () => (await page.locator('.live').innerText()) === 'Live');
    },
  },
  ...['light', 'dark'].map((scheme) => ({
    name: `accessible: no serious issue on any page, ${scheme}`,
    scheme,
    async act({ page, target, axe }) {
      const hunt = await huntWithRows(page);
      const client = (await api(page, '/clients?limit=1')).items[0].id;
      const flow = (await api(page, '/flows?limit=1')).items[0]?.id;
      const pages = [
        '/',
        '/hunts',
        `/hunts/${hunt}`,
        `/hunts/${hunt}?tab=members`,
        `/hunts/${hunt}?tab=results&row=0`,
        `/hunts/${hunt}?tab=condition`,
        `/hunts/${hunt}?tab=members&why=${client}`,
        '/hunts/new?artifact=Generic.FileFinder',
        '/hunts/new?step=target',
        '/hunts/new?step=pace',
        '/hunts/new?step=review',
        '/clients',
        `/clients/${client}`,
        `/clients/${client}?collect=yes`,
        ...(flow ? [`/flows/${flow}`, `/flows/${flow}?tab=log`] : []),
        '/artifacts',
        '/artifacts/Generic.FileFinder',
        '/tokens',
        '/audit',
        ...(await logPages(page)),
      ];
      const failures = [];
      for (const path of pages) {
        await page.goto(target.base + path);
        await page.getByRole('navigation', { name: 'Main' }).waitFor();
        await page.waitForTimeout(500);
        await accessible(page, path, axe).catch((error) => failures.push(error.message));
      }
      await page.goto(target.base);
      await page.getByRole('heading', { name: 'Overview' }).waitFor();
      await page.keyboard.press('Control+k');
      await page.getByRole('combobox').waitFor();
      await accessible(page, 'palette', axe).catch((error) => failures.push(error.message));
      truth(failures.join('\n    '), failures.length === 0);
    },
  })),
  ...HUNT_STORIES,
  ...RESULT_STORIES,
  ...INSTALLATION_STORIES,
  ...LOG_STORIES,
  {
    name: 'sign out: the form comes back, and the old session is over',
    async act({ page, target, expect }) {
      expect(/401/);
      await page.goto(target.base);
      await page.getByRole('button', { name: target.user }).click();
      await page.getByRole('menuitem', { name: 'Sign out' }).click();
      await page.getByRole('button', { name: 'Sign in' }).waitFor();
      equal('whoami', await page.evaluate(async () => (await fetch('/api/v1/whoami')).status), 401);
      await signIn(page, target);
    },
  },
];

const CSS_escape = (id) => id.replace(/[^\w-]/g, (c) => `\\${c}`);
