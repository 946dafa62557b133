// Screenshots of every page, light and dark, narrow and wide, for a person to look at.

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { openPage, signIn } from './browser.mjs';
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

export async function takeShots(browser, target, folder, tag = '') {
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
