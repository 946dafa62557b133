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

export const HUNT_STORIES = [
  {
    name: 'hunt: canaries and bounds in the wizard; the gate lets the others in',
    async act({ page, target, mock }) {
      const { items } = await api(page, '/clients?online=true&limit=40');
      const seen = new Set();
      const clients = items.filter((c) => !c.revoked_at && !seen.has(c.hostname) && seen.add(c.hostname)).slice(0, 6);
      if (clients.length < 3) return;
      await page.goto(`${target.base}/hunts/new?artifact=Linux.Sys.Users`);
      await page.getByRole('region', { name: 'Linux.Sys.Users' }).waitFor();
      await page.getByRole('button', { name: 'From whom' }).last().click();
      const only = page.getByRole('group', { name: 'Only these' }).getByRole('combobox', { name: 'Clients' });
      for (const client of clients) {
        await only.fill(client.id);
        await only.press('Enter');
      }
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
      await page.getByText('failed_share: "50%"').waitFor();
      await page.getByRole('button', { name: 'Make as draft' }).click();
      await page.getByRole('heading', { name: `Hunt: ${name}` }).waitFor();
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
