//! `lycaon hunt watch`: a hunt's queues, live.
//!
//! On a terminal a few lines that are drawn in place; elsewhere one line whenever something moved. The server's
//! events say *when* to look; what is shown is always read from the hunt itself.

use std::fmt::Write as _;
use std::io::{IsTerminal, Stdout, Write};
use std::time::Duration;

use api::{HuntView, LiveEvent, QueueCounts};
use api_client::{ApiError, Client, Events};
use base::Fault;
use crossterm::{cursor, queue, style, terminal};

use crate::complaint::{Complaint, Outcome};
use crate::output::clean;

/// Which hunt, and until when.
#[derive(clap::Args, Debug)]
pub(crate) struct WatchArgs {
    /// `H.…`
    id: String,
    /// End when nobody is asked, waits or runs, and somebody has answered
    #[arg(long)]
    until_quiet: bool,
    /// Give up after so long: `10m`; giving up is a failure
    #[arg(long, value_name = "DURATION")]
    timeout: Option<String>,
}

/// Looked at anew at the latest after so long, whatever the events say.
const LOOK_AFTER: Duration = Duration::from_secs(2);

pub(super) async fn run(client: &Client, args: &WatchArgs) -> Outcome {
    let limit = args.timeout.as_deref().map(base::parse_duration).transpose();
    let limit = limit.map_err(|error| Complaint::usage(error.to_string()))?;
    let watching = watch(client, args);
    match limit {
        None => watching.await,
        Some(limit) => tokio::time::timeout(limit, watching).await.unwrap_or_else(|_| {
            Err(Complaint::failed(format!("{} was not done in time", args.id)))
        }),
    }
}

async fn watch(client: &Client, args: &WatchArgs) -> Outcome {
    let mut screen = Screen::new();
    let mut events = None;
    loop {
        let hunt = match client.hunt(&args.id).await {
            Ok(hunt) => hunt,
            // A server that restarts is waited for; what it refuses is told.
            Err(error) if error.fault() == Fault::Busy && screen.drawn() => {
                screen.lost(&error)?;
                tokio::time::sleep(LOOK_AFTER).await;
                events = None;
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        screen.show(&hunt)?;
        if has_ended(&hunt) || args.until_quiet && is_quiet(&hunt.counts) {
            return Ok(());
        }
        if events.is_none() {
            events = client.events().await.ok();
        }
        tokio::select! {
            () = until_event(&mut events, &args.id) => {}
            () = tokio::time::sleep(LOOK_AFTER) => {}
        }
    }
}

/// Returns when the hunt moved; never when the stream of events has ended.
async fn until_event(events: &mut Option<Events>, id: &str) {
    while let Some(stream) = events {
        match stream.next().await {
            Ok(Some(LiveEvent::Hunt { id: moved, .. })) if moved == id => return,
            Ok(Some(_)) => {}
            Ok(None) | Err(_) => *events = None,
        }
    }
    std::future::pending::<()>().await;
}

fn has_ended(hunt: &HuntView) -> bool {
    let over = matches!(hunt.state.as_str(), "stopped" | "completed" | "archived");
    over && hunt.counts.pending == 0 && hunt.counts.running == 0
}

/// Nobody is asked, waits or runs, and somebody has answered.
pub(crate) fn is_quiet(counts: &QueueCounts) -> bool {
    let under_way = counts.asked + counts.pending + counts.running;
    under_way == 0 && parts(counts).iter().any(|(_, number, _)| *number > 0)
}

/// The queues in the order that is the same everywhere, each with its letter in the bar.
fn parts(counts: &QueueCounts) -> [(&'static str, u64, char); 9] {
    [
        ("asked", counts.asked, '?'),
        ("refused", counts.refused, '·'),
        ("pending", counts.pending, '░'),
        ("running", counts.running, '▒'),
        ("completed", counts.completed, '▓'),
        ("results", counts.results, '█'),
        ("failed", counts.failed, '!'),
        ("cancelled", counts.cancelled, 'x'),
        ("expired", counts.expired, '~'),
    ]
}

/// The queues as one bar of that width: each queue that has anybody has at least one place.
pub(crate) fn bar(counts: &QueueCounts, width: usize) -> String {
    let parts = parts(counts);
    let total: u64 = parts.iter().map(|(_, number, _)| number).sum();
    if total == 0 {
        return " ".repeat(width);
    }
    let mut places: Vec<usize> = parts
        .iter()
        .map(|(_, number, _)| {
            let share = (u128::from(*number) * width as u128 / u128::from(total)) as usize;
            if *number > 0 { share.max(1) } else { 0 }
        })
        .collect();
    let used: usize = places.iter().sum();
    if let Some(widest) = (0..places.len()).max_by_key(|at| places[*at]) {
        places[widest] = (places[widest] + width).saturating_sub(used).max(1);
    }
    parts.iter().zip(places).map(|((_, _, mark), places)| mark.to_string().repeat(places)).collect()
}

fn line(hunt: &HuntView) -> String {
    let mut text = hunt.state.clone();
    for (name, number, _) in parts(&hunt.counts) {
        if number > 0 || !matches!(name, "cancelled" | "expired") {
            let _ = write!(text, "  {name} {number}");
        }
    }
    let _ = write!(text, "  rows {}", hunt.rows);
    text
}

struct Screen {
    out: Stdout,
    terminal: bool,
    lines: u16,
    last: String,
}

impl Screen {
    fn new() -> Self {
        let out = std::io::stdout();
        let terminal = out.is_terminal();
        Self { out, terminal, lines: 0, last: String::new() }
    }

    fn drawn(&self) -> bool {
        !self.last.is_empty()
    }

    fn show(&mut self, hunt: &HuntView) -> Outcome {
        let line = line(hunt);
        if !self.terminal {
            if line != self.last {
                writeln!(self.out, "{line}")?;
                self.out.flush()?;
                self.last = line;
            }
            return Ok(());
        }
        self.last = line;
        let width = terminal::size().map_or(80, |(columns, _)| usize::from(columns)).clamp(20, 100);
        let mut lines = vec![
            format!("{}  {}", clean(&hunt.spec.name), hunt.id),
            format!(
                "{}   rate {}   rows {}   files {}",
                hunt.state, hunt.spec.rate, hunt.rows, hunt.uploads
            ),
            bar(&hunt.counts, width - 2),
        ];
        for (name, number, mark) in parts(&hunt.counts) {
            lines.push(format!("  {mark} {name:<10} {number:>8}"));
        }
        lines.push("Ctrl-C leaves; the hunt goes on".into());
        self.draw(&lines, width)
    }

    fn lost(&mut self, error: &ApiError) -> Outcome {
        if self.terminal {
            let text = format!("{error}; trying again");
            return self.draw(&[text], 100);
        }
        writeln!(self.out, "{error}; trying again")?;
        Ok(self.out.flush()?)
    }

    fn draw(&mut self, lines: &[String], width: usize) -> Outcome {
        if self.lines > 0 {
            queue!(self.out, cursor::MoveUp(self.lines))?;
        }
        queue!(
            self.out,
            cursor::MoveToColumn(0),
            terminal::Clear(terminal::ClearType::FromCursorDown)
        )?;
        for line in lines {
            let line: String = line.chars().take(width).collect();
            queue!(self.out, style::Print(line), style::Print("\r\n"))?;
        }
        self.lines = u16::try_from(lines.len()).unwrap_or(u16::MAX);
        Ok(self.out.flush()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_has_its_width_and_shows_everybody() {
        let counts =
            QueueCounts { refused: 1, pending: 1000, results: 3, ..QueueCounts::default() };
        let drawn = bar(&counts, 20);
        assert_eq!(drawn, format!("·{}█", "░".repeat(18)));
        assert_eq!(bar(&QueueCounts::default(), 5), "     ");
    }

    #[test]
    fn a_hunt_is_quiet_when_all_who_were_asked_have_ended() {
        let nobody = QueueCounts::default();
        assert!(!is_quiet(&nobody), "nobody has answered yet");
        assert!(is_quiet(&QueueCounts { refused: 2, results: 3, ..nobody }));
        assert!(!is_quiet(&QueueCounts { refused: 2, running: 1, ..nobody }));
    }
}
