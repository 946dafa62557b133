// What people do with log hunts, as a real browser does it. A server without log hunts, or one whose rules have not found
// anything, tells only the stories that need nothing.

import { readFile } from 'node:fs/promises';
import { equal, numberIn, truth, until } from './checks.mjs';

const api = (page, path) => page.evaluate(async (p) => (await fetch(`/api/v1${p}`)).json(), path);
const rowsIn = (page) => page.locator('.tbody .tr:not(:has(.bone))');
const tally = async (page) => numberIn(await page.locator('.tally').first().innerText());
const configured = async (page) => (await api(page, '/log/overview')).configured === true;
const pathOf = (s) => `/log/streams/${s.tenant}/${s.dataset}/${s.rule}`;

/** Streams that have run, worst first. */
async function streamsWithWindows(page) {
  const { items } = await api(page, '/log/streams?limit=500&sort=state&desc=true');
  return items.filter((s) => s.checkpoint !== null);
}

/** Every page of log hunts, with things of this server in the addresses. */
export async function logPages(page) {
  if (!(await configured(page))) return ['/log', '/findings'];
  const tabs = ['streams', 'rules', 'tenants', 'engines', 'backfills', 'outbox', 'changes', 'files'];
  const pages = [
    '/log',
    ...tabs.map((tab) => `/log?tab=${tab}`),
    '/findings',
    '/findings?view=matrix',
    '/findings?bulk=yes',
  ];
  const [stream] = await streamsWithWindows(page);
  const rule = (await api(page, '/log/rules?limit=1')).items[0]?.name;
  const tenant = (await api(page, '/log/tenants?limit=1')).items[0]?.name;
  const finding = (await api(page, '/log/findings?limit=1')).items[0];
  if (rule)
    pages.push(
      `/log/rules/${rule}`,
      `/log/rules/${rule}?tab=tenants`,
      `/log/rules/${rule}?tab=revisions`,
      `/log?backfill=${rule}`,
    );
  if (tenant) pages.push(`/log/tenants/${tenant}`, `/log/tenants/${tenant}?tab=about`);
  if (finding) pages.push(`/findings?finding=${finding.id}`, `/findings/${finding.id}`);
  if (stream) {
    const window = (await api(page, `${pathOf(stream)}/windows?limit=1&desc=true`)).items[0]?.id;
    pages.push(pathOf(stream), `${pathOf(stream)}?tab=runs`, `${pathOf(stream)}?tab=about`);
    if (window) pages.push(`${pathOf(stream)}?window=${window}`, `/log/windows/${window}`);
  }
  return pages;
}

const story = (name, act) => ({
  name: `log hunts: ${name}`,
  async act(given) {
    if (await configured(given.page)) return act(given);
    await given.page.goto(`${given.target.base}/log`);
    await given.page.getByText('This server has no log hunts').waitFor();
  },
});

export const LOG_STORIES = [
  story(
    'the grid leads to a stream by mouse and by keys, and its state is in the address',
    async ({ page, target }) => {
      await page.goto(target.base);
      await page.getByRole('heading', { name: 'Overview' }).waitFor();
      await until('g l leads there', async () => {
        await page.keyboard.press('g');
        await page.keyboard.press('l');
        return new URL(page.url()).pathname === '/log';
      });
      await page.getByRole('heading', { name: 'Log hunts' }).waitFor();
      const numbers = await api(page, '/log/overview');
      const grid = page.getByRole('grid', { name: 'Tenants by rules' });
      await grid.getByRole('row').nth(1).waitFor();
      await until('the states add up to those of the server', async () => {
        const shown = numberIn(await page.locator('[data-stand=ok] b').innerText());
        const now = (await api(page, '/log/overview')).streams.ok;
        return Math.abs(shown - now) <= Math.max(5, now / 10);
      });
      truth('there are tenants', numbers.tenants > 0);
      const tenant = (await api(page, '/log/tenants?limit=1')).items[0].name;
      await page.getByLabel('Find tenants').fill(tenant);
      await until('the search is in the address', () => page.url().includes(`q=${tenant}`));
      await until('only such tenants are shown', async () =>
        (await grid.getByRole('rowheader').allInnerTexts()).every((t) => t.includes(tenant)),
      );
      await grid.focus();
      await page.keyboard.press('ArrowDown');
      await until('the cell is told', async () => (await page.locator('.lgrid-said').innerText()).startsWith(tenant));
      const rules = (await api(page, '/log/grid?limit=1')).rules.length;
      for (let i = 0; i < rules; i++) {
        if (!/does not run/.test(await page.locator('.lgrid-said').innerText())) break;
        await page.keyboard.press('ArrowRight');
      }
      await page.keyboard.press('Enter');
      await until('Enter opens a stream', () => page.url().includes('/log/streams/'));
    },
  ),
  story('a ledger is a line that zooms, a window says why it is so', async ({ page, target }) => {
    const stream =
      (await streamsWithWindows(page)).find((s) => s.state === 'ok') ?? (await streamsWithWindows(page))[0];
    truth('a stream has run', stream);
    await page.goto(target.base + pathOf(stream));
    const line = page.getByRole('application', { name: /^Timeline of/ });
    await line.waitFor();
    await page.getByRole('button', { name: 'All', exact: true }).click();
    await until('all is in the address', () => page.url().includes('from=all'));
    await until('windows are drawn', async () => (await line.locator('rect[class^="w-"]').count()) > 0);
    await line.focus();
    await page.keyboard.press('+');
    await until('the stretch is in the address', () => /from=-?\d+/.test(page.url()));
    const zoomed = page.url();
    await page.keyboard.press('ArrowLeft');
    await until('it moved', () => page.url() !== zoomed);
    await page.keyboard.press('0');
    await until('all again', () => page.url().includes('from=all'));
    await until('windows are listed', async () => (await rowsIn(page).count()) > 0);
    await page.getByRole('combobox', { name: 'State' }).selectOption('committed');
    await until('only committed ones', async () =>
      (await rowsIn(page).locator('.td:nth-child(1)').allInnerTexts()).every((t) => t.trim() === 'committed'),
    );
    await rowsIn(page).first().locator('.td').first().click();
    const panel = page.getByRole('complementary', { name: 'The window' });
    await panel.getByText(/^It was committed/).waitFor();
    truth('the window has an address', page.url().includes('window=W.'));
    const id = new URL(page.url()).searchParams.get('window');
    await page.keyboard.press('Escape');
    await until('Esc closes it', async () => (await panel.count()) === 0);
    await page.keyboard.press('/');
    await page.getByRole('dialog').getByRole('combobox').fill(id);
    await page.getByRole('option', { name: new RegExp(id) }).click();
    await page.getByRole('heading', { name: 'Why is this window as it is?' }).waitFor();
  }),
  story('a rule shows its text, where it runs, and which revision evaluated what', async ({ page, target }) => {
    const rule = (await api(page, '/log/rules?limit=1')).items[0];
    await page.goto(target.base);
    await page.getByRole('heading', { name: 'Overview' }).waitFor();
    await page.keyboard.press('/');
    await page.getByRole('dialog').getByRole('combobox').fill(rule.name);
    await page
      .getByRole('option', { name: new RegExp(`^${rule.name}`) })
      .first()
      .click();
    await page.getByRole('heading', { name: `Rule: ${rule.title}` }).waitFor();
    await page.getByRole('region', { name: `Source of rule ${rule.name}` }).waitFor();
    await page
      .getByRole('link', { name: /^Tenants/ })
      .last()
      .click();
    await until(
      'its streams are listed',
      async () => page.url().includes('tab=tenants') && (await rowsIn(page).count()) > 0,
    );
    await page.getByRole('link', { name: 'Revisions' }).click();
    await page.getByText('Which revision evaluated what').waitFor();
  }),
  story('a tenant is paused and resumed, each with its size and a reason', async ({ page, target }) => {
    const tenants = (await api(page, '/log/tenants?limit=200')).items;
    const tenant = tenants.find((t) => !t.pause).name;
    await page.goto(`${target.base}/log/tenants/${tenant}`);
    await page.getByRole('button', { name: 'Pause and hold…' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByText(/stop running/).waitFor();
    truth('without a reason nothing is done', await dialog.getByRole('button', { name: 'Pause' }).isDisabled());
    await dialog.getByLabel('Reason').fill('a browser tries it');
    await dialog.getByRole('button', { name: 'Pause' }).click();
    await page.getByText('Paused: hold').waitFor();
    await page.getByRole('button', { name: 'Resume…' }).click();
    await dialog.getByText(/run again/).waitFor();
    await dialog.getByLabel('Reason').fill('it was tried');
    await dialog.getByRole('button', { name: 'Resume' }).click();
    await until('it is not paused any more', async () => (await page.getByText('Paused: hold').count()) === 0);
    await page.goto(`${target.base}/log?tab=changes`);
    await page.getByText('it was tried').first().waitFor();
  }),
  story('a backfill says what it would read, and can be cancelled', async ({ page, target, expect }) => {
    expect(/422|409/);
    const rule = (await api(page, '/log/rules?limit=1')).items[0].name;
    await page.goto(`${target.base}/log?backfill=${rule}`);
    const dialog = page.getByRole('dialog');
    await dialog.getByText(/This will read/).waitFor();
    await dialog.getByLabel('Tenants').fill('no-such-tenant');
    await dialog.getByText('the rule runs at none of them').waitFor();
    const tenant = (await api(page, '/log/tenants?limit=1')).items[0].name;
    await dialog.getByLabel('Tenants').fill(tenant);
    await dialog.getByText(/of 1 stream at 1 tenant/).waitFor();
    await dialog.getByLabel('Reason').fill('seen by a browser');
    await dialog.getByRole('button', { name: 'Start the backfill' }).click();
    await until('the dialog closes', async () => (await dialog.count()) === 0);
    await page.goto(`${target.base}/log?tab=backfills`);
    await page.getByText('seen by a browser').first().waitFor();
    const cancel = page.getByRole('button', { name: 'Cancel…' }).first();
    // A small one may be done before anybody can end it.
    if (await cancel.count()) {
      await cancel.click();
      await dialog.getByLabel('Reason').fill('enough');
      const done = dialog.getByRole('button', { name: 'Cancel it' });
      await until(
        'its size is said, or it is over',
        async () => (await done.isEnabled()) || (await dialog.getByText('This cannot be done').count()) > 0,
      );
      if (await done.isEnabled()) await done.click();
      else await page.keyboard.press('Escape');
    }
  }),
  story('findings are filtered by facets, triaged in the panel, and exported as shown', async ({ page, target }) => {
    await page.goto(target.base);
    await page.getByRole('heading', { name: 'Overview' }).waitFor();
    await until('g f leads there', async () => {
      await page.keyboard.press('g');
      await page.keyboard.press('f');
      return new URL(page.url()).pathname === '/findings';
    });
    await page.getByRole('heading', { name: 'Findings' }).waitFor();
    const all = (await api(page, '/log/findings?limit=1')).total;
    if (all === 0) return page.getByText('Nothing was found yet').waitFor();
    await until('findings are listed', async () => (await rowsIn(page).count()) > 0);
    const facet = page.getByRole('region', { name: 'State' }).getByRole('button', { name: /^new/ });
    await facet.click();
    await until('the filter is in the address', () => page.url().includes('state=new'));
    const { total } = await api(page, '/log/findings?state=new&limit=1');
    await until(
      'as many as the server says',
      async () => Math.abs((await tally(page)) - total) <= Math.max(3, total / 10),
    );
    await page
      .getByRole('columnheader', { name: /^Severity/ })
      .getByRole('button', { name: 'Severity' })
      .click();
    await until('sorted', () => page.url().includes('sort=severity'));
    await rowsIn(page).first().locator('.td').nth(1).click();
    const panel = page.getByRole('complementary', { name: 'The finding' });
    await panel.getByLabel('Comment').fill('Seen by a browser');
    await panel.getByRole('button', { name: 'Comment' }).click();
    await panel.getByText('Seen by a browser').last().waitFor();
    const id = new URL(page.url()).searchParams.get('finding');
    await panel.getByRole('button', { name: 'Take it' }).click();
    await until('it is taken', async () => {
      const f = await api(page, `/log/findings/${id}`);
      return f.assignee === target.user && f.state === 'triaged';
    });
    await page.getByRole('button', { name: 'Download', exact: true }).click();
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('menuitem', { name: /JSON lines/ }).click(),
    ]);
    const lines = (await readFile(await download.path(), 'utf8')).trim().split('\n');
    truth('the file has findings', lines.length > 0 && JSON.parse(lines[0])._id.startsWith('N.'));
    await page.goto(`${target.base}/findings?view=matrix`);
    await until(
      'techniques are counted',
      async () => (await page.locator('.matrix button:not([disabled])').count()) > 0,
    );
    await page.locator('.matrix button:not([disabled])').first().click();
    await until(
      'a technique leads to its findings',
      async () => page.url().includes('attack=T') && (await rowsIn(page).count()) > 0,
    );
    equal('one filter is shown', await page.locator('.chip').count(), 1);
  }),
];
