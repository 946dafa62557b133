// What people do with a hunt besides asking: whom it is about, its first clients, its bounds, tags, copies, members by
// hand, rounds and what changed between them, and its end.

import { equal, numberIn, truth, until } from './checks.mjs';
import { recurring } from '../mock/targeting.mjs';

const api = (page, path) => page.evaluate(async (p) => (await fetch(`/api/v1${p}`)).json(), path);
const queue = async (page, name) => numberIn(await page.locator(`[data-queue=${name}]`).innerText());
const idOf = (page) => new URL(page.url()).pathname.split('/').at(-1);

async function more(page, item) {
  await page.getByRole('button', { name: 'More actions' }).click();
  await page.getByRole('menuitem', { name: item }).click();
}

/** The wizard up to its step of pace, for clients that a pasted table names. */
async function pasted(page, base, clients) {
  await page.goto(`${base}/hunts/new?artifact=Linux.Sys.Users`);
  await page.getByRole('region', { name: 'Linux.Sys.Users' }).waitFor();
  await page.getByRole('button', { name: 'From whom' }).last().click();
  const only = page.getByRole('group', { name: 'Only these' });
  await only.getByRole('button', { name: /^Paste names/ }).click();
  const table = ['Asset,Hostname', ...clients.map((c, i) => `${i},${c.hostname}`), '9,nobody-is-called-so'];
  await only.getByLabel('Names').fill(`${table.join('\n')}\n`);
  await only.getByRole('button', { name: 'Find them' }).click();
  await only.getByText('1 name left out').waitFor();
  await only
    .getByText(/nobody-is-called-so/)
    .last()
    .waitFor();
  await only.getByRole('button', { name: `Take these ${clients.length}` }).click();
  await until('the cohort is that list', async () =>
    (await page.getByRole('region', { name: 'Who would be asked' }).innerText()).includes(clients[0].hostname),
  );
}

export const HUNT_STORIES = [
  {
    name: 'hunt: a pasted list, canaries, budgets and tags in the wizard; the gate lets the others in',
    async act({ page, target, mock }) {
      const { items } = await api(page, '/clients?online=true&limit=40');
      const seen = new Set();
      const clients = items.filter((c) => !c.revoked_at && !seen.has(c.hostname) && seen.add(c.hostname)).slice(0, 6);
      if (clients.length < 3) return;
      await pasted(page, target.base, clients);
      await page.getByRole('button', { name: 'Pace and limits' }).last().click();
      await page.getByLabel('Rate', { exact: true }).fill('unlimited');
      await page.getByLabel('Try it on a few clients first').check();
      const canaries = page.getByRole('group', { name: 'Try it on a few first' });
      await canaries.getByLabel('Clients', { exact: true }).fill('2');
      await canaries.getByText('2 clients begin. The others wait until somebody').waitFor();
      await page.getByLabel('End it when too many clients fail').check();
      await page.getByLabel('Share that fails').fill('lots');
      truth('a bad share stops the way on', await page.getByRole('button', { name: 'Review' }).last().isDisabled());
      await page.getByLabel('Share that fails').fill('50%');
      await page.getByRole('button', { name: 'Repeat another failure' }).click();
      await page.getByRole('button', { name: 'Review' }).last().click();
      const name = `On a few first ${Date.now().toString(36)}`;
      await page.getByLabel(/^Name/).fill(name);
      const tags = page.getByRole('combobox', { name: 'Tags' });
      await tags.fill('morning-alert');
      await tags.press('Enter');
      await page.getByText('failed_share: "50%"').waitFor();
      await page.getByRole('button', { name: 'Make as draft' }).click();
      await page.getByRole('heading', { name: `Hunt: ${name}` }).waitFor();
      await page.getByRole('link', { name: 'morning-alert' }).waitFor();
      await page.getByRole('button', { name: 'Start' }).click();
      await page.getByRole('dialog').getByText('This will ask').waitFor();
      await page.getByRole('dialog').getByRole('button', { name: 'Start' }).click();
      await page.getByText('It waits for you').waitFor({ timeout: 90_000 });
      const done = (await queue(page, 'completed')) + (await queue(page, 'results')) + (await queue(page, 'failed'));
      equal('only the first two began', done, 2);
      await page.getByRole('button', { name: 'Let the others in' }).click();
      await page.getByRole('dialog').getByText('Everybody who matches takes part').waitFor();
      await page.getByRole('dialog').getByRole('button', { name: 'Let the others in' }).click();
      await until('the gate is gone', async () => (await page.getByText('It waits for you').count()) === 0);
      if (mock)
        await until(
          'all of them finish',
          async () =>
            (await queue(page, 'completed')) + (await queue(page, 'results')) + (await queue(page, 'failed')) ===
            clients.length,
          60_000,
        );
    },
  },
  {
    name: 'hunt: found by its tag, copied with its origin, deleted with its size',
    async act({ page, target, expect }) {
      expect(/404/);
      const { items } = await api(page, '/hunts?limit=200');
      const hunt = items.find((h) => h.rows > 0) ?? items[0];
      await page.goto(`${target.base}/hunts/${hunt.id}`);
      const tag = `seen-${Date.now().toString(36)}`;
      await page.getByRole('button', { name: 'Change the tags' }).click();
      const box = page.getByRole('dialog').getByRole('combobox', { name: 'Tags' });
      await box.fill(tag);
      await box.press('Enter');
      await page.getByRole('dialog').getByRole('button', { name: 'Save' }).click();
      await page.getByRole('link', { name: tag }).click();
      await page.getByRole('heading', { name: 'Hunts' }).waitFor();
      await until('only that hunt is listed', async () => (await page.locator('.tbody .tr').count()) === 1);
      await page.goto(`${target.base}/hunts/${hunt.id}`);
      await more(page, 'Copy as it is');
      await until('the copy is open', async () => idOf(page) !== hunt.id);
      const copy = idOf(page);
      await page.getByText(/^made of/).waitFor();
      equal('the copy knows its origin', (await api(page, `/hunts/${copy}`)).copied_from, hunt.id);
      await more(page, 'Delete');
      const dialog = page.getByRole('dialog');
      await dialog.getByText('This cannot be undone').waitFor();
      await dialog.getByRole('button', { name: 'Delete' }).click();
      await page.getByRole('heading', { name: 'Hunts' }).waitFor();
      await until('it is gone', async () => (await api(page, `/hunts/${copy}`)).message !== undefined);
    },
  },
  {
    name: 'hunt: clients are put in by hand, and each says what became of it',
    async act({ page, target }) {
      const { items } = await api(page, '/hunts?state=running&limit=50');
      if (!items.length) return;
      const { items: clients } = await api(page, '/clients?limit=3');
      await page.goto(`${target.base}/hunts/${items[0].id}`);
      await more(page, 'Put clients in or out');
      const dialog = page.getByRole('dialog');
      await dialog.getByLabel('Names').fill(clients.map((c) => c.id).join('\n'));
      await dialog.getByRole('button', { name: 'Find them' }).click();
      await dialog.getByRole('button', { name: `Put in these ${clients.length}` }).click();
      await until('one line for each', async () => (await dialog.locator('tbody tr').count()) === clients.length);
      await dialog.getByRole('button', { name: 'Done' }).click();
    },
  },
  {
    name: 'hunt: failed clients run again',
    async act({ page, target, mock }) {
      if (!mock) return;
      const { items } = await api(page, '/hunts?limit=200');
      const hunt = items.find((h) => h.counts.failed > 0 && ['running', 'paused'].includes(h.state));
      truth('there is a hunt with failed clients', hunt);
      await page.goto(`${target.base}/hunts/${hunt.id}`);
      await more(page, 'Run failed clients again');
      const dialog = page.getByRole('dialog');
      await dialog.getByLabel('Another time for each').fill('soon');
      await dialog.getByText('A duration, such as 20m').waitFor();
      await dialog.getByLabel('Another time for each').fill('20m');
      await dialog.getByRole('button', { name: 'Run them again' }).click();
      await page.getByText(/will run again/).waitFor();
    },
  },
  {
    name: 'flow: what it collected from one is asked of many',
    async act({ page, target }) {
      const { items } = await api(page, '/flows?limit=50');
      if (!items.length) return;
      await page.goto(`${target.base}/flows/${items[0].id}`);
      await page.getByRole('button', { name: 'Ask many' }).click();
      await page.getByRole('heading', { name: /^Hunt:/ }).waitFor();
      equal('the draft knows its origin', (await api(page, `/hunts/${idOf(page)}`)).copied_from, items[0].id);
    },
  },
  {
    name: 'hunt: rounds are listed, and two are compared',
    async act({ page, target, mock }) {
      if (!mock) return;
      const hunt = mock.world.hunts.find((h) => h.rows.length > 40);
      const before = { round: hunt.round, rounds: hunt.rounds, schedule: hunt.spec.schedule };
      recurring(hunt);
      await page.goto(`${target.base}/hunts/${hunt.id}?tab=rounds`);
      await page.getByRole('heading', { name: '3 rounds' }).waitFor();
      const changes = page.getByRole('region', { name: 'What changed' });
      await until('differences are shown', async () => (await changes.locator('tbody tr').count()) > 10);
      for (const word of ['new', 'gone', 'changed']) await changes.locator(`.diff-${word}`).first().waitFor();
      await changes.getByLabel('To', { exact: true }).selectOption('2');
      await changes.getByLabel('From', { exact: true }).selectOption('2');
      await page.getByText('Choose two rounds.').waitFor();
      truth('the address holds the choice', page.url().includes('after=2'));
      Object.assign(hunt, { round: before.round, rounds: before.rounds });
      hunt.spec.schedule = before.schedule;
    },
  },
];
