// Screenshots of every page, light and dark, narrow and wide, for a person to look at.

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { openPage, signIn } from './browser.mjs';
import { makeWide } from '../mock/tables.mjs';
import { recurring } from '../mock/targeting.mjs';
import { logPages } from './log-stories.mjs';

/** Finds something to show on the pages that need an id. */
async function samples(page) {
  return page.evaluate(async () => {
    const ask = async (path) => (await fetch(`/api/v1${path}`)).json();
    const hunts = (await ask('/hunts?limit=200')).items;
    const best = [...hunts].sort((a, b) => b.counts.results - a.counts.results);
    const hunt = best.find((h) => h.state === 'running') ?? best[0];
    const flows = (await ask('/flows?limit=500')).items;
    const flow = flows.find((f) => f.rows > 0) ?? flows[0];
    const artifacts = await ask('/artifacts');
    return {
      hunt: hunt?.id,
      rows: best[0]?.id,
      flow: flow?.id,
      client: flow?.client ?? (await ask('/clients?limit=1')).items[0]?.id,
      artifact: artifacts.find((a) => a.name.includes('FileFinder'))?.name ?? artifacts[0]?.name,
    };
  });
}

/** Questions over rows. */
async function tables(page, visit, hunt) {
  await visit('40-counts', `/hunts/${hunt}?tab=results`, async () => {
    await page.locator('[data-count]').nth(1).click();
    await page.getByText(/values? in/).waitFor();
  });
  await visit('41-filter', `/hunts/${hunt}?tab=results`, () =>
    page
      .getByRole('button', { name: /^Filter on/ })
      .nth(1)
      .click(),
  );
  await visit('42-download', `/hunts/${hunt}?tab=results`, () =>
    page.getByRole('button', { name: 'Download' }).click(),
  );
  await visit('43-sql', `/hunts/${hunt}?tab=results`, async () => {
    await page.getByRole('button', { name: 'SQL', exact: true }).click();
    await page.getByRole('columnheader', { name: '_hostname' }).waitFor();
  });
  await visit('44-sql-wrong', `/hunts/${hunt}?tab=results&sql=SELECT%20*%20FROM%20nowhere`);
}

/** What only a server without people can be made to show. */
async function onlyMocked(visit, { rows }, { world }) {
  const hunt = world.hunts.find((one) => one.id === rows);
  const before = { round: hunt.round, rounds: hunt.rounds };
  recurring(hunt);
  await visit('45-rounds', `/hunts/${rows}?tab=rounds`);
  await visit('46-round', `/hunts/${rows}?tab=results&round=1`);
  await visit('47-checkpoints', `/clients/${hunt.rows[0].client}?tab=checkpoints`);
  Object.assign(hunt, before);
  delete hunt.spec.schedule;
  const wide = makeWide(world);
  await visit('48-wide', `/hunts/${wide.id}?tab=results`);
  world.hunts.splice(world.hunts.indexOf(wide), 1);
  const what = "the store is away and could not write a batch; the server's log says why";
  const works =
    'Nothing that was accepted is lost. Agents keep what they collect and send it when it can be stored again.';
  world.trouble = { what, works, since: new Date(Date.now() - 400_000).toISOString() };
  await visit('49-trouble', '/');
  await visit('50-trouble-table', '/clients');
  world.trouble = null;
}

export async function takeShots(browser, target, folder, { tag = '', mock } = {}) {
  mkdirSync(folder, { recursive: true });
  for (const scheme of ['light', 'dark']) {
    for (const width of [1024, 1920]) {
      const { page, close } = await openPage(browser, target.base, {
        scheme,
        width,
        height: width === 1024 ? 768 : 1080,
      });
      const shoot = async (name, settle = 450) => {
        await page.waitForTimeout(settle);
        await page.screenshot({ path: join(folder, `${tag}${name}-${scheme}-${width}.png`) });
      };
      await page.goto(target.base);
      await page.getByRole('button', { name: 'Sign in' }).waitFor();
      await shoot('00-sign-in');
      await signIn(page, target);
      const s = await samples(page);
      const visit = async (name, path, before) => {
        await page.goto(target.base + path);
        await page.getByRole('navigation', { name: 'Main' }).waitFor();
        if (before) await before().catch(() => {});
        await shoot(name);
      };
      await visit('01-overview', '/');
      await visit('02-hunts', '/hunts');
      if (s.hunt) {
        await visit('03-hunt', `/hunts/${s.hunt}`);
        await visit('04-members', `/hunts/${s.hunt}?tab=members`);
        await visit('05-results', `/hunts/${s.rows}?tab=results`);
        await visit('06-results-row', `/hunts/${s.rows}?tab=results&row=3`);
        await visit('07-condition', `/hunts/${s.hunt}?tab=condition`);
        await visit('08-why', `/hunts/${s.hunt}?tab=members&why=${s.client}`);
      }
      await visit('09-new-collect', `/hunts/new?artifact=${s.artifact ?? ''}`);
      await visit('10-new-target', '/hunts/new?step=target');
      await visit('11-new-pace', '/hunts/new?step=pace');
      await visit('12-new-review', '/hunts/new?step=review');
      await visit('13-clients', '/clients');
      if (s.client) {
        await visit('14-client', `/clients/${s.client}`);
        await visit('15-collect', `/clients/${s.client}?collect=yes`);
      }
      if (s.flow) {
        await visit('16-flow', `/flows/${s.flow}`);
        await visit('17-flow-log', `/flows/${s.flow}?tab=log`);
        await visit('18-flow-files', `/flows/${s.flow}?tab=uploads`);
      }
      await visit('19-artifacts', '/artifacts');
      if (s.artifact) await visit('20-artifact', `/artifacts/${s.artifact}`);
      await visit('21-tokens', '/tokens');
      await visit('22-audit', '/audit');
      await visit('25-nodes', '/nodes');
      await visit('26-monitoring', '/monitoring');
      await visit('27-monitor', '/monitoring', () =>
        page.getByRole('button', { name: 'Monitor something' }).first().click(),
      );
      if (s.client) {
        await visit('28-client-monitoring', `/clients/${s.client}?tab=monitoring`, () =>
          page
            .getByRole('button', { name: /^Rows of/ })
            .first()
            .click({ timeout: 3000 }),
        );
        await visit('29-checkpoints', `/clients/${s.client}?tab=checkpoints`);
      }
      if (s.rows) await tables(page, visit, s.rows);
      if (mock && s.rows) await onlyMocked(visit, s, mock);
      await visit('23-not-found', '/hunts/H.000000000000');
      for (const [i, path] of (await logPages(page)).entries()) await visit(`3${String(i).padStart(2, '0')}-log`, path);
      await visit('24-palette', '/', async () => {
        await page.keyboard.press('Control+k');
        await page.getByRole('combobox').fill('we');
        await page.waitForTimeout(500);
      });
      await close();
    }
  }
}
