import { Modal } from '@mantine/core';
import { GO_KEYS } from './keys';

const KEYS: [string[], string][] = [
  [['Ctrl', 'K'], 'Commands and search'],
  [['/'], 'Search; every id can be pasted there'],
  [['n'], 'New hunt'],
  ...Object.entries(GO_KEYS).map(([key, [, label]]) => [['g', key], label] as [string[], string]),
  [['↑', '↓'], 'Walk a table'],
  [['Enter'], 'Open the row'],
  [['Esc'], 'Close a panel or dialog'],
  [['['], 'Fold the navigation'],
  [['?'], 'This list'],
];

export function KeyHelp({ close }: { close: () => void }) {
  return (
    <Modal opened onClose={close} title={<strong>Keys</strong>} lockScroll={false}>
      <dl className="facts">
        {KEYS.map(([keys, what]) => (
          <div key={what} style={{ display: 'contents' }}>
            <dt>
              {keys.map((key) => (
                <kbd key={key} style={{ marginRight: 4 }}>
                  {key}
                </kbd>
              ))}
            </dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
    </Modal>
  );
}
