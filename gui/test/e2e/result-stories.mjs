// What people do with the rows of a hunt when there are many: values, SQL, rounds, ten million of them, files to take
// away; and what they monitor all the time.

import { readFile } from 'node:fs/promises';
import { accessible, equal, numberIn, truth, until } from './checks.mjs';
import { makeWide } from '../mock/tables.mjs';
import { recurring } from '../mock/targeting.mjs';

const api = (page, path) => page.evaluate(async (p) => (await fetch(`/api/v1${p}`)).json(), path);
const rowsIn = (page) => page.locator('.tbody .tr:not(:has(.bone))');
const tally = async (page) => numberIn(await page.locator('.tally').first().innerText());

/** The hunt with the most rows of those whose rows stay as they are, and the first column of its first source. */
async function full(page) {
  const { items } = await api(page, '/hunts?limit=200');
  const ended = (hunt) => hunt.state !== 'running' && hunt.counts.pending + hunt.counts.running === 0;
  const hunt = [...items].sort((a, b) => ended(b) - ended(a) || b.rows - a.rows).filter((one) => one.rows)[0];
  if (!hunt?.rows) return null;
  const [source] = await api(page, `/hunts/${hunt.id}/sources`);
  return { hunt: hunt.id, column: source.columns[0], rows: source.rows };
}

async function download(page, item) {
  await page.getByRole('button', { name: 'Download', exact: true }).click();
  const [file] = await Promise.all([page.waitForEvent('download'), page.getByRole('menuitem', { name: item }).click()]);
  return readFile(await file.path());
}

async function writeSql(page, text) {
  await page.locator('[data-editor="SQL"] .cm-content').click();
  await page.keyboard.press('Control+a');
  await page.keyboard.press('Delete');
  await page.keyboard.insertText(text);
  await page.keyboard.press('Escape');
  await page.keyboard.press('Control+Enter');
}

export const RESULT_STORIES = [
  {
    name: 'results: values of a column are counted in one click, the rare first, and one narrows the rows',
    async act({ page, target, axe }) {
      const found = await full(page);
      if (!found) return;
      await page.goto(`${target.base}/hunts/${found.hunt}?tab=results`);
      await until('rows are shown', async () => (await rowsIn(page).count()) > 0);
      const before = await tally(page);
      await page.getByRole('button', { name: `Count the values of ${found.column}` }).click();
      const values = page.getByRole('region', { name: `Values of ${found.column}` });
      await values.getByText(/values? in/).waitFor();
      await values.getByText('Fewest rows').click();
      await until('the address holds the order', () => page.url().includes('order=rare'));
      // The list of the other order stays until its answer is there.
      await until('the rare come first', async () => {
        const counts = (await values.locator('li .num').allInnerTexts()).map(numberIn);
        return counts.length > 0 && counts.every((count, at) => at === 0 || counts[at - 1] <= count);
      });
      await accessible(page, 'counted values', axe);
      const first = values.getByRole('listitem').first();
      const rows = numberIn(await first.locator('.num').innerText());
      await first.getByRole('button').first().click();
      await until('only its rows are left', async () => (await tally(page)) === rows, 10_000);
      truth('these are fewer or all', rows <= before);
      await page.getByRole('button', { name: `Remove the filter on ${found.column}` }).click();
      await until('all rows are back', async () => (await tally(page)) === before);
      await page.getByRole('button', { name: 'Close the counts' }).click();
      await page.getByRole('button', { name: `Filter on ${found.column}`, exact: true }).click();
      const frequent = page.getByRole('list', { name: `Frequent values of ${found.column}` });
      await frequent.getByRole('button').first().click();
      await until('a frequent value narrows too', () => page.url().includes('filter='));
    },
  },
  {
    name: 'results: SQL answers in a table, mistakes are said, the address holds the question',
    async act({ page, target, expect, axe }) {
      expect(/400|422/);
      const found = await full(page);
      if (!found) return;
      await page.goto(`${target.base}/hunts/${found.hunt}?tab=results`);
      await page.getByRole('button', { name: 'SQL', exact: true }).click();
      const sql = page.getByRole('region', { name: 'SQL', exact: true });
      await sql.getByRole('columnheader', { name: '_hostname' }).waitFor({ timeout: 20_000 });
      await accessible(page, 'SQL', axe);
      await writeSql(page, 'SELECT * FROM nowhere');
      await sql.getByText('The query was not answered').waitFor();
      await sql
        .getByText(/nowhere/)
        .first()
        .waitFor();
      await writeSql(page, `SELECT _hostname, "${found.column}" FROM results`);
      await sql.getByRole('columnheader', { name: found.column }).waitFor();
      truth('rows are shown', (await sql.locator('tbody tr').count()) > 0);
      truth('the address holds it', decodeURIComponent(page.url()).includes('_hostname'));
      await page.reload();
      await sql.getByRole('columnheader', { name: found.column }).waitFor();
      await sql.getByRole('button', { name: 'Save the answer' }).click();
      const [file] = await Promise.all([
        page.waitForEvent('download'),
        page.getByRole('menuitem', { name: /as CSV/ }).click(),
      ]);
      truth('the CSV has its columns', (await readFile(await file.path(), 'utf8')).startsWith('_hostname,'));
      await sql.getByRole('button', { name: 'Close SQL' }).click();
      await until('the rows are back', async () => (await rowsIn(page).count()) > 0);
    },
  },
  {
    name: 'results: the whole table is taken away in three forms',
    async act({ page, target }) {
      const found = await full(page);
      if (!found) return;
      await page.goto(`${target.base}/hunts/${found.hunt}?tab=results`);
      await until('rows are shown', async () => (await rowsIn(page).count()) > 0);
      const lines = (await download(page, /^The whole table: JSON lines/)).toString('utf8').trim().split('\n');
      truth(
        'each line is a row',
        lines.every((line) => JSON.parse(line)._client.startsWith('C.')),
      );
      truth('all of them', lines.length >= found.rows);
      const csv = (await download(page, /^The whole table: CSV/)).toString('utf8');
      truth('the CSV has a heading', csv.split(/\r?\n/)[0].includes('_client'));
      const parquet = await download(page, /^The whole table: Parquet/);
      equal('Parquet begins as such', parquet.subarray(0, 4).toString('latin1'), 'PAR1');
    },
  },
  {
    name: 'results: ten million rows are scrolled, jumped in and counted without loading them',
    async act({ page, target, mock }) {
      if (!mock) return;
      const hunt = makeWide(mock.world);
      try {
        let asked = 0;
        page.on('request', (request) => (asked += /results\?/.test(request.url()) ? 1 : 0));
        await page.goto(`${target.base}/hunts/${hunt.id}?tab=results`);
        await page.getByText('10,000,000 rows').first().waitFor();
        const stretches = page.getByRole('navigation', { name: 'Stretches of the table' });
        await stretches.getByText('rows 1 to 900,000 of 10,000,000').waitFor();
        await page.getByRole('grid').focus();
        await page.keyboard.press('End');
        await stretches.getByText('rows 9,900,001 to 10,000,000').waitFor();
        await page.getByText('--worker 9999999').waitFor();
        await page.getByLabel('Go to row').fill('5,000,001');
        await page.getByLabel('Go to row').press('Enter');
        await page.getByText('--worker 5000000').waitFor();
        await page.keyboard.press('Enter');
        await page.getByRole('complementary', { name: 'The row' }).getByText('Row 5,000,001').waitFor();
        await stretches.getByRole('button', { name: 'Earlier' }).click();
        await stretches.getByText('rows 3,600,001').waitFor();
        truth(`only what is in sight was asked for (${asked} requests)`, asked < 60);
        await page.getByRole('button', { name: 'Count the values of Name' }).click();
        const values = page.getByRole('region', { name: 'Values of Name' });
        await values.getByText('Fewest rows').click();
        await values.getByRole('listitem').first().getByText('xmrig').waitFor();
        await values.getByRole('button', { name: 'xmrig', exact: true }).click();
        await until('the filter narrows', async () => (await tally(page)) === 100);
      } finally {
        mock.world.hunts.splice(mock.world.hunts.indexOf(hunt), 1);
      }
    },
  },
  {
    name: 'results: a recurring hunt says when it asks, and shows the rows of the round that is chosen',
    async act({ page, target, mock, axe }) {
      if (!mock) return;
      const hunt = mock.world.hunts.find((h) => h.rows.length > 40 && h.state !== 'running');
      const before = { round: hunt.round, rounds: hunt.rounds };
      const { schedule } = hunt.spec;
      recurring(hunt);
      try {
        await page.goto(`${target.base}/hunts/${hunt.id}?tab=rounds`);
        await page.getByText('asks every day', { exact: false }).first().waitFor();
        await page.getByText('what is new since its last round').waitFor();
        await accessible(page, 'rounds', axe);
        const changes = page.getByRole('region', { name: 'What changed' });
        await changes.getByText(/\d+ gone/).click();
        await until('only gone rows are left', async () => (await changes.locator('.diff-new').count()) === 0);
        await changes.getByRole('link', { name: 'All differences as JSON lines' }).waitFor();
        await page.getByRole('button', { name: 'What changed in round 2' }).click();
        await until('round 2 is compared', () => page.url().includes('before=1'));
        await page.getByRole('row').filter({ hasText: /^1/ }).getByRole('link', { name: 'Rows' }).click();
        await page.getByLabel('Round', { exact: true }).waitFor();
        equal('the round is chosen', await page.getByLabel('Round', { exact: true }).inputValue(), '1');
        await until('rows are shown', async () => (await rowsIn(page).count()) > 0);
        const one = await tally(page);
        await page.getByLabel('Round', { exact: true }).selectOption('');
        await until('the newest round has others', async () => (await tally(page)) > one);
        await page.getByLabel('Round', { exact: true }).selectOption('all');
        await page.getByRole('columnheader', { name: 'Round' }).waitFor();
        const member = hunt.rows[0].client;
        await page.goto(`${target.base}/clients/${member}?tab=checkpoints`);
        await page.getByRole('region', { name: hunt.spec.name }).getByText('never set back').first().waitFor();
        await accessible(page, 'checkpoints', axe);
      } finally {
        Object.assign(hunt, before);
        hunt.spec.schedule = schedule;
      }
    },
  },
  {
    name: 'monitoring: something is monitored with its size, changed, and no more; what it brought is shown and saved',
    async act({ page, target, mock, axe, expect }) {
      expect(/422/);
      await page.goto(`${target.base}/monitoring`);
      await page.getByRole('heading', { name: 'Monitoring', exact: true }).waitFor();
      const before = (await api(page, '/monitoring')).entries.length;
      const label = `seen-${Date.now().toString(36)}`;
      await page.getByRole('button', { name: 'Monitor something' }).first().click();
      const dialog = page.getByRole('dialog');
      await dialog.getByLabel('Event artifact').selectOption('Linux.Events.ProcessExecutions');
      await dialog.getByLabel('On clients with the label').fill(label);
      await dialog.getByText('This will run on 0 clients').waitFor();
      await dialog.getByLabel('Share of a processor').fill('much');
      await dialog.getByRole('button', { name: 'Monitor it' }).click();
      await dialog.getByText('It was not changed').waitFor();
      await accessible(page, 'the form of monitoring', axe);
      await dialog.getByLabel('Share of a processor').fill('3%');
      await dialog.getByRole('button', { name: 'Monitor it' }).click();
      const row = page.getByRole('row').filter({ hasText: label });
      await row.getByText('3% of a processor').waitFor();
      await row.getByRole('button', { name: /^Change/ }).click();
      await dialog.getByLabel('Share of a processor').fill('4%');
      await dialog.getByRole('button', { name: 'Save' }).click();
      await row.getByText('4% of a processor').waitFor();
      equal('one entry more', (await api(page, '/monitoring')).entries.length, before + 1);
      await accessible(page, 'monitoring', axe);
      await row.getByRole('button', { name: /^Remove/ }).click();
      await dialog.getByText('What it has brought').waitFor();
      await dialog.getByRole('button', { name: 'Remove' }).click();
      await until('it is gone', async () => (await row.count()) === 0);
      if (!mock) return;
      await page.getByRole('region', { name: 'What arrived' }).getByText('The first 180 rows').waitFor();
      const { items } = await api(page, '/clients?limit=1');
      await page.goto(`${target.base}/clients/${items[0].id}?tab=monitoring`);
      const days = page.getByRole('region', { name: 'What it brought' });
      await days
        .getByRole('button', { name: /^Rows of/ })
        .first()
        .click();
      await until('the rows of the day are shown', async () => (await rowsIn(page).count()) > 5);
      await accessible(page, 'monitoring of a client', axe);
      const [file] = await Promise.all([
        page.waitForEvent('download'),
        days
          .getByRole('link', { name: /^JSON lines of the rows/ })
          .first()
          .click(),
      ]);
      truth('the file has lines', JSON.parse((await readFile(await file.path(), 'utf8')).split('\n')[0])._client);
    },
  },
];
