// What does this rule ask, where does it run, and what has it found?

import { Button } from '@mantine/core';
import { IconFlask, IconHistory } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { Link, useNavigate, useParams, useSearch } from '@tanstack/react-router';
import { lazy, Suspense, useCallback, useState } from 'react';
import * as logs from '../api/logs';
import type { LogRuleView, LogTestReport } from '../api/schema';
import { inTrouble, needALook, totalStreams } from '../lib/logs';
import { count, millis, plural, shellWord } from '../lib/text';
import { PositionText, SeverityMark, Techniques } from '../ui/logs';
import { apiUrl, Bones, CliFold, CliLine, Copy, ErrorNote, Moment, useTitle } from '../ui/parts';
import { Yaml } from '../ui/Yaml';
import { Problems } from './log/Files';
import { Overrides } from './log/Overrides';
import { Streams } from './log/Streams';

const BackfillDialog = lazy(() => import('./log/BackfillDialog').then((m) => ({ default: m.BackfillDialog })));

const TABS = [
  ['rule', 'Rule'],
  ['tenants', 'Tenants'],
  ['revisions', 'Revisions'],
] as const;

export function LogRulePage() {
  const { rule: name } = useParams({ from: '/log/rules/$rule' });
  const search = useSearch({ from: '/log/rules/$rule' });
  const navigate = useNavigate({ from: '/log/rules/$rule' });
  const change = useCallback(
    (part: Partial<typeof search>) => void navigate({ search: (s) => ({ ...s, ...part }), replace: true }),
    [navigate],
  );
  const { data: rule, error, refetch } = useQuery(logs.rule(name));
  const [backfill, setBackfill] = useState(false);
  useTitle(`${name}, rule`);
  // A link to the streams in trouble means the tenants.
  const tab = TABS.find(([t]) => t === search.tab)?.[0] ?? (search.state ? 'tenants' : 'rule');
  return (
    <div className={`page ${tab === 'tenants' ? 'fill' : ''}`}>
      <header className="page-head">
        <div className="grow">
          <p className="crumb">
            <Link to="/log" search={{ tab: 'rules' }}>
              Rules
            </Link>
          </p>
          <h1>Rule: {rule?.summary.title ?? name}</h1>
          {rule && <Subline rule={rule} />}
        </div>
        {rule && (
          <div className="actions">
            <Button variant="default" leftSection={<IconHistory size={15} />} onClick={() => setBackfill(true)}>
              Backfill…
            </Button>
          </div>
        )}
      </header>
      {error && !rule && <ErrorNote what="Could not load this rule" error={error} retry={() => void refetch()} />}
      {!rule && !error && <Bones lines={8} />}
      {rule && (
        <nav className="tabs" aria-label="Parts of this rule">
          {TABS.map(([t, label]) => (
            <Link
              key={t}
              to="/log/rules/$rule"
              params={{ rule: name }}
              search={t === 'rule' ? {} : { tab: t }}
              activeOptions={{ exact: true, includeSearch: true }}
              activeProps={{ 'aria-current': undefined }}
              aria-current={t === tab ? 'page' : undefined}
            >
              {label}
              {t === 'tenants' && <span className="badge">{count(totalStreams(rule.summary.streams))}</span>}
            </Link>
          ))}
        </nav>
      )}
      {rule && tab === 'rule' && <About rule={rule} />}
      {rule && tab === 'tenants' && <Streams search={search} change={change} only={{ rule: name }} />}
      {rule && tab === 'revisions' && <Revisions rule={rule} />}
      <CliFold
        cli={[
          `lycaon log status --rule ${shellWord(name)}`,
          `lycaon log backfill --rule ${shellWord(name)} --from 2026-01-01 --to 2026-01-07 --reason …`,
        ]}
        api={[apiUrl(`/log/rules/${encodeURIComponent(name)}`)]}
      />
      {backfill && (
        <Suspense fallback={null}>
          <BackfillDialog rule={name} close={() => setBackfill(false)} />
        </Suspense>
      )}
    </div>
  );
}

function Subline({ rule }: { rule: LogRuleView }) {
  const { summary } = rule;
  const bad = inTrouble(summary.streams);
  return (
    <p className="subline row wrap">
      <SeverityMark state={summary.severity} pill />
      <code>{summary.name}</code>
      <Techniques ids={summary.attack} />
      <span>
        {summary.disabled ? 'disabled; ' : `${summary.schedule}; `}
        {plural(totalStreams(summary.streams), 'stream')}
        {bad > 0 && <b className="bad-text">, {needALook(bad)}</b>};{' '}
        <Link to="/findings" search={{ rule: summary.name, state: 'new' }}>
          {plural(summary.findings_new, 'new finding')}
        </Link>
      </span>
    </p>
  );
}

function About({ rule }: { rule: LogRuleView }) {
  const { summary } = rule;
  const patterns = [...rule.tenants_include, ...rule.tenants_exclude.map((p) => `not ${p}`)];
  return (
    <div className="log-two">
      <div className="stack">
        {rule.description && <p className="said">{rule.description}</p>}
        {rule.problems.length > 0 && <Problems problems={rule.problems} />}
        <section className="card stack tight" aria-label="Source">
          <h2>
            <span className="mono">{rule.file}</span>
          </h2>
          <Yaml text={rule.source_text} label={`Source of rule ${summary.name}`} />
        </section>
      </div>
      <div className="stack">
        <section className="card stack tight" aria-label="Facts">
          <h2>How it runs</h2>
          <dl className="facts">
            <dt>Asks by</dt>
            <dd>
              {summary.question}, {summary.class.replace('_', ' ')}
              {rule.span_millis != null && ` over ${millis(rule.span_millis)}`}
            </dd>
            <dt>Reads</dt>
            <dd>{summary.datasets.join(', ') || '–'}</dd>
            <dt>Tenants</dt>
            <dd>{patterns.join(', ')}</dd>
            <dt>Tells</dt>
            <dd>{rule.notify.join(', ') || 'nobody'}</dd>
            <dt>Revision</dt>
            <dd>
              <code>{rule.revision}</code> <Copy text={rule.revision} label="Copy the revision" size="xs" />
            </dd>
            {rule.settings.map((s) => (
              <SettingRow key={s.name} name={s.name} value={s.value} />
            ))}
          </dl>
        </section>
        <Tests rule={rule} />
        <section className="card stack tight" aria-label="Findings">
          <h2>Findings</h2>
          <dl className="facts">
            {['new', 'triaged', 'closed'].map((state) => (
              <SettingRow
                key={state}
                name={state}
                value={
                  <Link to="/findings" search={{ rule: summary.name, state }}>
                    {count(rule.findings.find((f) => f.value === state)?.count ?? 0)}
                  </Link>
                }
              />
            ))}
          </dl>
        </section>
        <section className="card stack tight" aria-label="Overrides">
          <h2>Where tenants differ</h2>
          <Overrides items={rule.overrides} by="tenant" />
        </section>
      </div>
    </div>
  );
}

const SettingRow = ({ name, value }: { name: string; value: React.ReactNode }) => (
  <>
    <dt>{name}</dt>
    <dd>{value}</dd>
  </>
);

function Tests({ rule }: { rule: LogRuleView }) {
  const [report, setReport] = useState<LogTestReport | null>(null);
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  async function run() {
    setBusy(true);
    setError(null);
    try {
      setReport(await logs.testRule(rule.summary.name));
    } catch (cause) {
      setError(cause);
    }
    setBusy(false);
  }
  const outcome = (test: string) => report?.outcomes.find((o) => o.name === test);
  return (
    <section className="card stack tight" aria-label="Tests">
      <h2 className="row">
        <span className="grow">Tests</span>
        {rule.can_test && (
          <Button
            size="compact-xs"
            variant="default"
            leftSection={<IconFlask size={13} />}
            loading={busy}
            onClick={() => void run()}
          >
            Run them
          </Button>
        )}
      </h2>
      {rule.tests.length === 0 && <p className="dim">None. A rule with a test shows that it finds what it should.</p>}
      <ul className="tests">
        {rule.tests.map((test) => {
          const found = outcome(test);
          return (
            <li key={test}>
              <span className={found ? (found.ok ? 'good-text' : 'bad-text') : 'dim'}>
                {found ? (found.ok ? 'passed' : 'failed') : 'not run'}
              </span>{' '}
              {test}
              {found && !found.ok && <p>{found.message}</p>}
            </li>
          );
        })}
      </ul>
      {error !== null && <ErrorNote what="The tests were not run" error={error} />}
      {!rule.can_test && rule.tests.length > 0 && <CliLine text={`lycaon log check --tests ${shellWord(rule.file)}`} />}
    </section>
  );
}

function Revisions({ rule }: { rule: LogRuleView }) {
  const { data, error, refetch } = useQuery(logs.revisions(rule.summary.name));
  if (error && !data)
    return <ErrorNote what="Could not load the revisions" error={error} retry={() => void refetch()} />;
  if (!data) return <Bones lines={4} />;
  return (
    <section className="card stack tight" aria-label="Revisions">
      <h2>Which revision evaluated what</h2>
      {data.items.length === 0 ? (
        <p className="dim">No window was committed yet.</p>
      ) : (
        <div className="scroll-x" tabIndex={0} role="region" aria-label="Revisions of this rule">
          <table className="glance tokens loose">
            <thead>
              <tr>
                <th>Revision</th>
                <th>Windows</th>
                <th>Tenants</th>
                <th>Matches</th>
                <th>From</th>
                <th>To</th>
                <th>First commit</th>
                <th>Last commit</th>
              </tr>
            </thead>
            <tbody>
              {data.items.map((r) => (
                <tr key={r.revision}>
                  <td className="nowrap">
                    <code>{r.revision}</code> {r.in_force && <span className="good-text">in force</span>}
                  </td>
                  <td className="num">{count(r.windows)}</td>
                  <td className="num">{count(r.tenants)}</td>
                  <td className="num">{count(r.rows)}</td>
                  <td>
                    <PositionText at={r.from} />
                  </td>
                  <td>
                    <PositionText at={r.to} />
                  </td>
                  <td>
                    <Moment at={r.first_commit} />
                  </td>
                  <td>
                    <Moment at={r.last_commit} />
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      <p className="dim">
        Of {count(data.windows_read)} windows
        {data.windows > data.windows_read &&
          `; ${count(data.windows - data.windows_read)} older ones were not looked at`}
        . A tenant’s own exceptions and lists make revisions of their own.
      </p>
    </section>
  );
}
