// What can be collected?

import { IconFileText } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { useCallback, useMemo } from 'react';
import * as ask from '../api/queries';
import type { ArtifactSummary } from '../api/schema';
import { findArtifacts } from '../ui/ArtifactPicker';
import { DataTable, type WorkColumn } from '../ui/DataTable';
import { ArtifactLink } from '../ui/links';
import { apiUrl, Bones, CliFold, Empty, ErrorNote, useTitle } from '../ui/parts';
import { Search } from '../ui/Search';

const COLUMNS: WorkColumn<ArtifactSummary>[] = [
  { id: 'name', title: 'Name', width: 300, cell: (a) => <ArtifactLink name={a.name} /> },
  { id: 'kind', title: 'Kind', width: 110, cell: (a) => a.kind.replace('_', ' ') },
  { id: 'summary', title: 'What it is for', width: 520, cell: (a) => <span title={a.summary}>{a.summary}</span> },
  { id: 'sources', title: 'Sources', width: 90, right: true, cell: (a) => Math.max(1, a.sources.length) },
  { id: 'built_in', title: 'From', width: 110, cell: (a) => (a.built_in ? 'Lycaon' : 'this server') },
];

export function Artifacts() {
  useTitle('Artifacts');
  const { q } = useSearch({ from: '/artifacts' });
  const navigate = useNavigate({ from: '/artifacts' });
  const setQ = useCallback((text?: string) => void navigate({ search: { q: text }, replace: true }), [navigate]);
  const { data, error, refetch } = useQuery(ask.artifacts());
  const found = useMemo(() => findArtifacts(data ?? [], q ?? ''), [data, q]);
  return (
    <div className="page fill">
      <header className="page-head">
        <h1>Artifacts</h1>
      </header>
      {error && !data && <ErrorNote what="Could not load the artifacts" error={error} retry={() => void refetch()} />}
      {!data && !error && <Bones />}
      {data && (
        <DataTable<ArtifactSummary>
          name="artifacts"
          label="Artifacts"
          noun={['artifact', 'artifacts']}
          columns={COLUMNS}
          queryKey={['artifact-list', q ?? '', data.length]}
          fetchPage={(offset, limit) =>
            Promise.resolve({ items: found.slice(offset, offset + limit), total: found.length })
          }
          rowKey={(a) => a.name}
          onOpen={(a) => void navigate({ to: '/artifacts/$name', params: { name: a.name } })}
          toolbar={<Search label="Search names and descriptions" value={q} change={setQ} />}
          empty={<Empty icon={IconFileText} title="No artifact like this" />}
        />
      )}
      <CliFold cli={['lycaon artifact list', 'lycaon artifact check PATH']} api={[apiUrl('/artifacts')]} />
    </div>
  );
}
