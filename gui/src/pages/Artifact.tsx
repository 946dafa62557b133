// What does this artifact collect, and how?

import { Button } from '@mantine/core';
import { IconTargetArrow } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { Link, useParams } from '@tanstack/react-router';
import * as ask from '../api/queries';
import { apiUrl, Bones, CliFold, Copy, ErrorNote, useTitle } from '../ui/parts';
import { VqlText } from '../ui/Vql';

const isUrl = (text: string) => /^https?:\/\//.test(text);

export function ArtifactPage() {
  const { name } = useParams({ from: '/artifacts/$name' });
  const { data, error, refetch } = useQuery(ask.artifact(name));
  useTitle(name);
  return (
    <div className="page">
      <header className="page-head">
        <div className="grow">
          <h1>{name}</h1>
          {data && (
            <div className="subline">
              <span>{data.kind.replace('_', ' ')} artifact</span>
              {data.author && <span>by {data.author}</span>}
              <span>{data.built_in ? 'comes with Lycaon' : 'of this server'}</span>
            </div>
          )}
        </div>
        {data?.kind === 'client' && (
          <div className="actions">
            <Button
              component={Link}
              {...({ to: '/hunts/new', search: { artifact: name } } as object)}
              leftSection={<IconTargetArrow size={15} />}
            >
              Hunt with it
            </Button>
          </div>
        )}
      </header>
      {error && <ErrorNote what="Could not load this artifact" error={error} retry={() => void refetch()} />}
      {!data && !error && <Bones lines={6} />}
      {data && (
        <>
          <section className="card stack tight">
            <p style={{ whiteSpace: 'pre-wrap', maxWidth: '90ch' }}>{data.description.trim()}</p>
            {data.references.map((r) => (
              <p key={r}>
                {isUrl(r) ? (
                  <a href={r} target="_blank" rel="noreferrer noopener">
                    {r}
                  </a>
                ) : (
                  r
                )}
              </p>
            ))}
          </section>
          <section className="card">
            <h2>Parameters</h2>
            {data.parameters.length === 0 ? (
              <p className="dim">It takes none.</p>
            ) : (
              <div className="scroll-x" tabIndex={0} role="region" aria-label="Parameters">
                <table className="glance loose">
                  <thead>
                    <tr>
                      <th style={{ width: '20%' }}>Name</th>
                      <th style={{ width: '12%' }}>Type</th>
                      <th style={{ width: '26%' }}>Default</th>
                      <th>What it means</th>
                    </tr>
                  </thead>
                  <tbody>
                    {data.parameters.map((p) => (
                      <tr key={p.name}>
                        <td>
                          <code>{p.name}</code>
                        </td>
                        <td>{p.kind}</td>
                        <td>
                          <code>{p.default}</code>
                        </td>
                        <td>
                          {p.description}
                          {p.choices.length > 0 && <span className="dim"> One of: {p.choices.join(', ')}</span>}
                        </td>
                      </tr>
                    ))}
                  </tbody>
                </table>
              </div>
            )}
          </section>
          {data.sources.map((source, i) => (
            <section key={source.name || i} className="card stack tight">
              <h2>{source.name ? `Source ${source.name}` : 'Source'}</h2>
              {source.description && <p>{source.description}</p>}
              {source.precondition && (
                <>
                  <h3>Only when</h3>
                  <VqlText text={source.precondition} label="Precondition" />
                </>
              )}
              <VqlText text={source.query} label={`Query ${source.name}`} />
            </section>
          ))}
          <details className="card">
            <summary>The file as written</summary>
            <div className="row" style={{ justifyContent: 'flex-end' }}>
              <Copy text={data.yaml} label="Copy the file" />
            </div>
            <pre className="code" tabIndex={0}>
              {data.yaml}
            </pre>
          </details>
          <CliFold
            cli={[`lycaon artifact show ${name}`, `lycaon artifact collect ${name}`]}
            api={[apiUrl(`/artifacts/${name}`)]}
          />
        </>
      )}
    </div>
  );
}
