// Whom a hunt wants: labels, systems and named clients first, VQL on the client and on the server for the rest.

import { NativeSelect, TagsInput } from '@mantine/core';
import type { ClientFilter, HuntCondition } from '../api/schema';
import { ClientList } from './ClientList';
import { VqlField } from './Vql';

export const DEFAULT_CLIENT_QUERY =
  'SELECT OS, Architecture, Fqdn, Platform, config.Client_labels AS Labels FROM info()';

function Selection({
  title,
  value,
  change,
  os,
}: {
  title: string;
  value: ClientFilter;
  change: (value: ClientFilter) => void;
  os: boolean;
}) {
  const separators = [',', ' ', '\n', ';'];
  return (
    <fieldset className="plain stack tight">
      <legend>{title}</legend>
      <TagsInput
        label="Labels"
        description="Any of them"
        data={[]}
        splitChars={separators}
        value={value.labels ?? []}
        onChange={(labels) => change({ ...value, labels })}
      />
      {os && (
        <NativeSelect
          size="xs"
          label="Operating system"
          value={value.os ?? 'any'}
          onChange={(e) => change({ ...value, os: e.currentTarget.value === 'any' ? null : e.currentTarget.value })}
          data={[
            { value: 'any', label: 'Any' },
            { value: 'linux', label: 'Linux' },
            { value: 'windows', label: 'Windows' },
            { value: 'darwin', label: 'macOS' },
          ]}
        />
      )}
      <ClientList label="Clients" value={value.clients ?? []} change={(clients) => change({ ...value, clients })} />
    </fieldset>
  );
}

export function ConditionFields({ value, change }: { value: HuntCondition; change: (value: HuntCondition) => void }) {
  return (
    <div className="stack">
      <div className="grid2">
        <section className="card">
          <Selection
            title="Only these"
            os
            value={value.include ?? {}}
            change={(include) => change({ ...value, include })}
          />
        </section>
        <section className="card">
          <Selection
            title="None of these"
            os={false}
            value={value.exclude ?? {}}
            change={(exclude) => change({ ...value, exclude })}
          />
        </section>
      </div>
      <section className="card stack">
        <VqlField
          label="Condition on the server"
          description={
            <>
              Runs here, over <code>rows</code> (what the client query returned) and <code>client</code> (the server's
              own facts). The client takes part when it gives a row. Nobody else sees it.
            </>
          }
          kind="server_condition"
          placeholder="SELECT * FROM rows WHERE Fqdn =~ '(?i)^web' AND 'prod' IN client.labels"
          value={value.server ?? ''}
          change={(server) => change({ ...value, server: server || null })}
        />
        <VqlField
          label="Query on the client"
          description="Runs on every client that is asked. Left empty, it collects the usual facts, and all such hunts share one question."
          kind="client"
          placeholder={DEFAULT_CLIENT_QUERY}
          value={value.client ?? ''}
          change={(client) => change({ ...value, client: client || null })}
        />
      </section>
    </div>
  );
}
