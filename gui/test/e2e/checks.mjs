// Waiting and comparing, with sentences that say what was expected.

export async function until(what, ask, ms = 15_000) {
  const end = Date.now() + ms;
  let last;
  for (;;) {
    try {
      last = await ask();
      if (last) return last;
    } catch (error) {
      last = error.message;
    }
    if (Date.now() > end) throw new Error(`${what}: not within ${ms / 1000} s (last: ${JSON.stringify(last)})`);
    await new Promise((wake) => setTimeout(wake, 120));
  }
}

export function truth(what, value) {
  if (!value) throw new Error(what);
}

export function equal(what, got, wanted) {
  if (got !== wanted) throw new Error(`${what}: got ${JSON.stringify(got)}, wanted ${JSON.stringify(wanted)}`);
}

/** The number in a text such as `4,212 clients`. */
export const numberIn = (text) => Number((/[\d,]+/.exec(text ?? '') ?? ['NaN'])[0].replaceAll(',', ''));

export async function accessible(page, what, axe) {
  await page.evaluate(axe);
  const found = await page.evaluate(async () => {
    const report = await window.axe.run(document, {
      runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'best-practice'],
    });
    return report.violations
      .filter((v) => v.impact === 'serious' || v.impact === 'critical')
      .map(
        (v) =>
          `${v.id} (${v.impact}): ${v.nodes
            .slice(0, 3)
            .map((n) => `${n.target.join(' ')} ${n.any[0]?.message ?? n.all[0]?.message ?? ''}`)
            .join(' | ')}`,
      );
  });
  if (found.length) throw new Error(`${what}: ${found.join('\n    ')}`);
}
