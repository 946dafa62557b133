import { IconMapQuestion } from '@tabler/icons-react';
import { Link } from '@tanstack/react-router';
import { Empty, useTitle } from '../ui/parts';

export function NotFound() {
  useTitle('Not found');
  return (
    <div className="page">
      <Empty icon={IconMapQuestion} title="There is no such page">
        <p>
          Press <kbd>/</kbd> to search, or go to the <Link to="/">overview</Link>.
        </p>
      </Empty>
    </div>
  );
}
