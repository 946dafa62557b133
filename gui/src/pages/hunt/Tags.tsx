// A hunt's tags: words to find it by.

import { ActionIcon, Button, Popover, TagsInput, Tooltip } from '@mantine/core';
import { IconTag } from '@tabler/icons-react';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import * as ask from '../../api/queries';
import type { HuntView } from '../../api/schema';
import { say, sayError } from '../../ui/toast';

export function Tags({ hunt }: { hunt: HuntView }) {
  const known = hunt.spec.tags ?? [];
  const [open, setOpen] = useState(false);
  const [tags, setTags] = useState(known);
  const [busy, setBusy] = useState(false);
  async function save() {
    setBusy(true);
    try {
      const add = tags.filter((tag) => !known.includes(tag));
      const remove = known.filter((tag) => !tags.includes(tag));
      if (add.length + remove.length > 0) ask.rememberHunt(await ask.changeTags(hunt.id, { add, remove }));
      say('The tags are changed');
      setOpen(false);
    } catch (error) {
      sayError('Could not change the tags', error);
    } finally {
      setBusy(false);
    }
  }
  return (
    <span className="row" style={{ gap: 4 }}>
      {known.map((tag) => (
        <Link key={tag} to="/hunts" search={{ tag }} className="label tag">
          {tag}
        </Link>
      ))}
      <Popover
        opened={open}
        onChange={setOpen}
        position="bottom-start"
        withArrow
        shadow="md"
        width={300}
        trapFocus
        returnFocus
      >
        <Popover.Target>
          <Tooltip label="Change the tags" withArrow disabled={open}>
            <ActionIcon
              variant="subtle"
              color="gray"
              size="sm"
              aria-label="Change the tags"
              onClick={() => {
                setTags(known);
                setOpen(!open);
              }}
            >
              <IconTag size={14} />
            </ActionIcon>
          </Tooltip>
        </Popover.Target>
        <Popover.Dropdown>
          <div className="stack tight">
            <TagsInput
              label="Tags"
              description="Enter or a comma adds one"
              data={[]}
              splitChars={[',', ' ', ';']}
              value={tags}
              onChange={setTags}
              comboboxProps={{ withinPortal: false }}
              data-autofocus
            />
            <Button size="compact-sm" loading={busy} onClick={() => void save()}>
              Save
            </Button>
          </div>
        </Popover.Dropdown>
      </Popover>
    </span>
  );
}
