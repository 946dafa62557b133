// A search field whose text lives in the URL; typing settles before it asks.

import { CloseButton, TextInput } from '@mantine/core';
import { IconSearch } from '@tabler/icons-react';
import { useEffect, useRef, useState } from 'react';

export function Search({
  value,
  change,
  label,
  width = 260,
}: {
  value?: string;
  change: (text: string | undefined) => void;
  label: string;
  width?: number;
}) {
  const [text, setText] = useState(value ?? '');
  const sent = useRef(value ?? '');
  useEffect(() => {
    if ((value ?? '') !== sent.current) {
      sent.current = value ?? '';
      setText(value ?? '');
    }
  }, [value]);
  useEffect(() => {
    if (text === sent.current) return;
    const timer = setTimeout(() => {
      sent.current = text;
      change(text || undefined);
    }, 220);
    return () => clearTimeout(timer);
  }, [text, change]);
  return (
    <TextInput
      size="xs"
      w={width}
      type="search"
      aria-label={label}
      placeholder={label}
      leftSection={<IconSearch size={14} />}
      rightSection={text ? <CloseButton size="xs" aria-label="Clear the search" onClick={() => setText('')} /> : null}
      value={text}
      onChange={(event) => setText(event.currentTarget.value)}
      onKeyDown={(event) => {
        if (event.key === 'Escape') {
          setText('');
          event.currentTarget.blur();
        }
      }}
    />
  );
}
