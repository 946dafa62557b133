// What people see of the installation itself: its nodes, and what is wrong with it while it is.

import { accessible, equal, truth, until } from './checks.mjs';

const api = (page, path) => page.evaluate(async (p) => (await fetch(`/api/v1${p}`)).json(), path);
const banner = (page) => page.locator('.banner.trouble');

export const INSTALLATION_STORIES = [
  {
    name: 'nodes: who lives, what each does, how many agents it has',
    async act({ page, target, axe }) {
      await page.goto(`${target.base}/nodes`);
      await page.getByRole('heading', { name: 'Nodes', exact: true }).waitFor();
      const nodes = await api(page, '/nodes');
      truth('there is a node', nodes.length > 0);
      for (const node of nodes) await page.getByRole('row').filter({ hasText: node.id }).waitFor();
      equal('one of them answers', await page.locator('td .badge', { hasText: 'answers you' }).count(), 1);
      if (nodes.some((node) => node.duties.includes('hunt_manager'))) await page.getByText('hunt manager').waitFor();
      await accessible(page, 'nodes', axe);
      await page.keyboard.press('g');
      await page.keyboard.press('o');
      await page.getByRole('heading', { name: 'Overview' }).waitFor();
      await page.keyboard.press('g');
      await page.keyboard.press('s');
      await page.getByRole('heading', { name: 'Nodes', exact: true }).waitFor();
    },
  },
  {
    name: 'trouble: every page says what is wrong and what works, no page breaks, and all comes back by itself',
    async act({ page, target, mock, expect, axe }) {
      if (!mock) return;
      expect(/503/);
      await page.goto(`${target.base}/hunts`);
      await until('hunts are listed', async () => (await page.locator('.tbody .tr').count()) > 2);
      mock.world.trouble = {
        what: 'the database is away',
        since: new Date(Date.now() - 125_000).toISOString(),
        works: 'Agents keep what they collect and send it later.',
        away: true,
      };
      try {
        await banner(page).getByText('The database is away').waitFor({ timeout: 25_000 });
        await banner(page).getByText('2 min ago').waitFor();
        await banner(page).getByText('Agents keep what they collect').waitFor();
        truth('what was there stays', (await page.locator('.tbody .tr').count()) > 2);
        await accessible(page, 'a page under a banner', axe);
        for (const name of [
          'Clients',
          'Findings',
          'Artifacts',
          'Log hunts',
          'Enrolment',
          'Audit',
          'Nodes',
          'Overview',
        ]) {
          await page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name, exact: true }).click();
          await page
            .getByText(/Could not load|could not be read|is away and could not/)
            .first()
            .waitFor();
          truth(`${name} keeps the banner`, await banner(page).isVisible());
          truth(`${name} did not crash`, (await page.getByText('This page failed').count()) === 0);
        }
        await page.reload();
        await page.getByText('Lycaon cannot say who you are now').waitFor();
        await banner(page).waitFor();
      } finally {
        mock.world.trouble = null;
      }
      await page.getByRole('heading', { name: 'Overview' }).waitFor({ timeout: 25_000 });
      await until('the banner is gone', async () => (await banner(page).count()) === 0);
      await until(
        'the numbers are there',
        async () => (await page.getByText(/of [\d,]+ clients? online/).count()) === 1,
      );
    },
  },
];
