// The parameters of one artifact as a typed form. The server says whether the texts fit, while one types.

import { Input, MultiSelect, NativeSelect, PasswordInput, Switch, Textarea, TextInput } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import * as ask from '../api/queries';
import type { ArtifactCall, ParameterView, Problem } from '../api/schema';
import { fieldKind, given, isTrue, problemParameter, readList, timeField } from '../lib/parameters';
import { Bones, ErrorNote, useSettled } from './parts';

interface FieldProps {
  parameter: ParameterView;
  value: string;
  error?: string;
  change: (value: string) => void;
}

function Field({ parameter: p, value, error, change }: FieldProps) {
  const kind = fieldKind(p);
  const common = { label: p.label || p.name, description: p.description || undefined, error };
  const onChange = (event: React.ChangeEvent<HTMLInputElement | HTMLTextAreaElement | HTMLSelectElement>) =>
    change(event.currentTarget.value);
  switch (kind) {
    case 'none':
      return null;
    case 'switch':
      return (
        <Input.Wrapper {...common} label={undefined} description={undefined}>
          <Switch
            label={common.label}
            description={common.description}
            checked={isTrue(value)}
            onChange={(e) => change(e.currentTarget.checked ? 'Y' : 'N')}
          />
        </Input.Wrapper>
      );
    case 'choice':
      return (
        <NativeSelect
          size="xs"
          {...common}
          value={value}
          onChange={onChange}
          data={p.choices.includes(value) ? p.choices : [value, ...p.choices]}
        />
      );
    case 'choices':
      return (
        <MultiSelect
          {...common}
          data={p.choices}
          value={readList(value)}
          onChange={(list) => change(JSON.stringify(list))}
          searchable
          comboboxProps={{ withinPortal: true }}
        />
      );
    case 'number':
      return <TextInput {...common} inputMode="numeric" className="mono-field" value={value} onChange={onChange} />;
    case 'time': {
      const shown = timeField(value);
      // A text that is no moment stays editable as text.
      if (value && !shown) return <TextInput {...common} value={value} onChange={onChange} />;
      return (
        <TextInput
          {...common}
          label={`${common.label} (UTC)`}
          type="datetime-local"
          step={1}
          value={shown}
          onChange={(e) => change(e.currentTarget.value ? `${e.currentTarget.value.padEnd(19, ':00')}Z` : '')}
        />
      );
    }
    case 'long':
      return (
        <Textarea
          {...common}
          rows={Math.min(10, Math.max(3, p.default.split('\n').length + 1))}
          spellCheck={false}
          className="mono-field"
          value={value}
          onChange={onChange}
        />
      );
    case 'secret':
      return <PasswordInput {...common} autoComplete="off" value={value} onChange={onChange} />;
    case 'pattern':
      return <TextInput {...common} spellCheck={false} className="mono-field" value={value} onChange={onChange} />;
    default:
      return <TextInput {...common} spellCheck={false} value={value} onChange={onChange} />;
  }
}

interface Props {
  call: ArtifactCall;
  change: (parameters: Record<string, string>) => void;
  /** Problems found elsewhere, for example by the preview of a hunt. */
  problems?: Problem[];
}

export function ParameterForm({ call, change, problems = [] }: Props) {
  const { data: artifact, error, refetch } = useQuery(ask.artifact(call.name));
  const settled = useSettled(call, 350);
  const check = useQuery({
    queryKey: ['check-call', settled],
    queryFn: () => ask.checkCall(settled),
    staleTime: 60_000,
  });
  if (error) return <ErrorNote what={`Could not load ${call.name}`} error={error} retry={() => void refetch()} />;
  if (!artifact) return <Bones lines={3} />;
  const values = { ...Object.fromEntries(artifact.parameters.map((p) => [p.name, p.default])), ...call.parameters };
  const names = artifact.parameters.map((p) => p.name);
  const said =
    settled === call || JSON.stringify(settled) === JSON.stringify(call)
      ? [...(check.data?.problems ?? []), ...problems]
      : problems;
  const of = (name: string) =>
    said
      .filter((p) => problemParameter(p.field, names) === name)
      .map((p) => (p.hint ? `${p.message}. ${p.hint}` : p.message))
      .filter((text, i, all) => all.indexOf(text) === i)
      .join('; ');
  const others = said.filter((p) => problemParameter(p.field, names) === null);
  return (
    <div className="stack">
      {others.map((p, i) => (
        <p key={i} className="bad-text">
          {p.message} {p.hint}
        </p>
      ))}
      {artifact.parameters.filter((p) => p.kind !== 'hidden').length === 0 ? (
        <p className="dim">It takes no parameters.</p>
      ) : (
        <div className="params">
          {artifact.parameters.map((p) => (
            <div key={p.name} className={fieldKind(p) === 'long' ? 'wide' : ''}>
              <Field
                parameter={p}
                value={values[p.name] ?? ''}
                error={of(p.name) || undefined}
                change={(value) => change(given({ ...values, [p.name]: value }, artifact.parameters))}
              />
            </div>
          ))}
        </div>
      )}
    </div>
  );
}
