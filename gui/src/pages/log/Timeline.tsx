// A ledger as a line: each window where it lies, by colour and pattern. Drag to look closer, keys and buttons to move.

import { ActionIcon, Button, Tooltip } from '@mantine/core';
import { IconChevronLeft, IconChevronRight, IconZoomIn, IconZoomOut } from '@tabler/icons-react';
import { useRef, useState, type KeyboardEvent, type PointerEvent } from 'react';
import type { LogSegment, LogTimeline } from '../../api/schema';
import {
  isTime,
  moved,
  newest,
  positionText,
  ticksOf,
  tickText,
  WINDOW_STATES,
  zoomed,
  type Stretch,
} from '../../lib/logs';
import { count, plural } from '../../lib/text';
import { windowWord } from '../../ui/logs';

const HOUR = 3_600_000;
const SPANS: [string, number][] = [
  ['1 h', HOUR],
  ['6 h', 6 * HOUR],
  ['24 h', 24 * HOUR],
  ['7 d', 7 * 24 * HOUR],
  ['30 d', 30 * 24 * HOUR],
];
const HEIGHT = 46;

interface Props {
  line: LogTimeline;
  /** Shows another stretch; all of it, when nothing. */
  show: (stretch?: Stretch) => void;
  open: (window: string) => void;
  selected?: string;
}

export function Timeline({ line, show, open, selected }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const [drag, setDrag] = useState<[number, number] | null>(null);
  const [hover, setHover] = useState<LogSegment | null>(null);
  const stretch: Stretch = { from: line.from, to: Math.max(line.to, line.from + 1) };
  const width = stretch.to - stretch.from;
  const share = (position: number) => Math.max(0, Math.min(100, ((position - stretch.from) / width) * 100));
  const at = (event: { clientX: number }) => {
    const place = box.current!.getBoundingClientRect();
    return Math.max(0, Math.min(1, (event.clientX - place.left) / place.width));
  };
  const position = (part: number) => Math.round(stretch.from + width * part);
  const segmentAt = (part: number) => {
    const here = position(part);
    return line.segments.find((s) => s.from <= here && here < s.to);
  };
  const zoom = (factor: number, around = 0.5) => show(zoomed(stretch, factor, around, line.domain));
  function up(event: PointerEvent) {
    if (!drag) return;
    const [a, b] = [drag[0], at(event)].sort((x, y) => x - y) as [number, number];
    setDrag(null);
    if (b - a > 0.01) return show({ from: position(a), to: position(b) });
    const found = segmentAt(b);
    if (found?.window) open(found.window);
    else if (found && found.windows > 1) show({ from: found.from, to: found.to });
  }
  function onKey(event: KeyboardEvent) {
    const acts: Record<string, () => void> = {
      ArrowLeft: () => show(moved(stretch, -0.25)),
      ArrowRight: () => show(moved(stretch, 0.25)),
      '+': () => zoom(0.5),
      '-': () => zoom(2),
      '0': () => show(undefined),
    };
    const act = acts[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  }
  const summary = WINDOW_STATES.map(({ state }) => {
    const n = line.segments.filter((s) => s.state === state).reduce((sum, s) => sum + s.windows, 0);
    return n > 0 ? `${count(n)} ${windowWord(state)}` : '';
  }).filter(Boolean);
  return (
    <section className="card stack tight" aria-label="Ledger">
      <div className="toolbar">
        <div className="row tl-spans" role="group" aria-label="How much is shown">
          {isTime(line.domain) &&
            SPANS.map(([label, ms]) => (
              <Button key={label} size="compact-xs" variant="default" onClick={() => show(newest(line, ms))}>
                {label}
              </Button>
            ))}
          <Button size="compact-xs" variant="default" onClick={() => show(undefined)}>
            All
          </Button>
        </div>
        <span className="num dim">
          {positionText(stretch.from, line.domain)} to {positionText(stretch.to, line.domain)}
        </span>
        <span className="row" style={{ marginLeft: 'auto' }}>
          <Tool label="Earlier" act={() => show(moved(stretch, -0.5))} icon={<IconChevronLeft size={15} />} />
          <Tool label="Closer" act={() => zoom(0.5)} icon={<IconZoomIn size={15} />} />
          <Tool label="Wider" act={() => zoom(2)} icon={<IconZoomOut size={15} />} />
          <Tool label="Later" act={() => show(moved(stretch, 0.5))} icon={<IconChevronRight size={15} />} />
        </span>
      </div>
      <div
        ref={box}
        className="tl"
        role="application"
        aria-label={`Timeline of ${plural(line.windows, 'window')}: ${summary.join(', ') || 'nothing here'}. Arrows move, plus and minus zoom, 0 shows all.`}
        tabIndex={0}
        onKeyDown={onKey}
        onPointerDown={(event) => {
          if (event.button !== 0) return;
          event.currentTarget.setPointerCapture(event.pointerId);
          setDrag([at(event), at(event)]);
        }}
        onPointerMove={(event) => {
          if (drag) setDrag([drag[0], at(event)]);
          setHover(segmentAt(at(event)) ?? null);
        }}
        onPointerUp={up}
        onPointerLeave={() => setHover(null)}
      >
        <svg width="100%" height={HEIGHT} aria-hidden="true">
          <Patterns />
          {line.segments.map((s) => {
            const left = share(s.from);
            const wide = Math.max(0.12, share(s.to) - left);
            const chosen = s.window !== undefined && s.window !== null && s.window === selected;
            return (
              <rect
                key={`${s.from}-${s.to}`}
                className={`w-${s.state} ${chosen ? 'chosen' : ''}`}
                x={`${left}%`}
                width={`${wide}%`}
                y={chosen ? 0 : 4}
                height={chosen ? HEIGHT : HEIGHT - 8}
              />
            );
          })}
          {line.segments.map((s) => {
            if (s.findings === 0) return null;
            const x = share((s.from + s.to) / 2);
            return <circle key={s.from} className="tl-found" cx={`${x}%`} cy={HEIGHT / 2} r={3.5} />;
          })}
          {line.checkpoint >= stretch.from && line.checkpoint <= stretch.to && (
            <line
              className="tl-checkpoint"
              x1={`${share(line.checkpoint)}%`}
              x2={`${share(line.checkpoint)}%`}
              y1={0}
              y2={HEIGHT}
            />
          )}
          {line.now != null && line.now >= stretch.from && line.now <= stretch.to && (
            <line className="tl-now" x1={`${share(line.now)}%`} x2={`${share(line.now)}%`} y1={0} y2={HEIGHT} />
          )}
          {drag && (
            <rect
              className="tl-drag"
              x={`${Math.min(...drag) * 100}%`}
              width={`${Math.abs(drag[1] - drag[0]) * 100}%`}
              y={0}
              height={HEIGHT}
            />
          )}
        </svg>
      </div>
      <div className="tl-axis num" aria-hidden="true">
        {ticksOf(stretch, line.domain).map((tick) => (
          <span key={tick} style={{ left: `${share(tick)}%` }}>
            {tickText(tick, stretch, line.domain)}
          </span>
        ))}
      </div>
      <div className="row wrap tl-legend">
        {WINDOW_STATES.map(({ state, label }) => (
          <span key={state} className="row nowrap dim">
            <svg width={14} height={12} aria-hidden="true">
              <rect className={`w-${state}`} width={14} height={12} />
            </svg>
            {label}
          </span>
        ))}
        <span className="row nowrap dim">
          <svg width={10} height={12} aria-hidden="true">
            <circle className="tl-found" cx={5} cy={6} r={3.5} />
          </svg>
          Findings
        </span>
        <span className="row nowrap dim">
          <svg width={6} height={12} aria-hidden="true">
            <line className="tl-checkpoint" x1={3} x2={3} y1={0} y2={12} />
          </svg>
          Checkpoint
        </span>
      </div>
      <p className="dim tl-said" role="status">
        {hover
          ? `${positionText(hover.from, line.domain)} to ${positionText(hover.to, line.domain)}: ${hover.windows > 1 ? `${plural(hover.windows, 'window')}, ` : ''}${windowWord(hover.state)}${hover.rows ? `, ${plural(hover.rows, 'match', 'matches')}` : ''}${hover.findings ? `, ${plural(hover.findings, 'new finding')}` : ''}`
          : `${summary.join(', ') || 'Nothing was cut in this stretch'}${line.left_out > 0 ? `; ${plural(line.left_out, 'older window')} left out` : ''}`}
      </p>
    </section>
  );
}

const Tool = ({ label, act, icon }: { label: string; act: () => void; icon: React.ReactNode }) => (
  <Tooltip label={label} withArrow>
    <ActionIcon variant="default" size={26} aria-label={label} onClick={act}>
      {icon}
    </ActionIcon>
  </Tooltip>
);

/** Patterns, so that colour is not alone. */
const Patterns = () => (
  <defs>
    <pattern id="hatch" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
      <rect className="hatch-ground" width="6" height="6" />
      <rect className="hatch-line" width="2.5" height="6" />
    </pattern>
    <pattern id="cross" width="7" height="7" patternUnits="userSpaceOnUse">
      <rect className="cross-ground" width="7" height="7" />
      <path className="cross-line" d="M0 0L7 7M7 0L0 7" />
    </pattern>
    <pattern id="dots" width="6" height="6" patternUnits="userSpaceOnUse">
      <rect className="dots-ground" width="6" height="6" />
      <circle className="dots-dot" cx="3" cy="3" r="1.2" />
    </pattern>
  </defs>
);
