//! Flows from request to end: rows, files, limits, cancellation, restarts, a full spool.

use std::io::Read;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use agent::collector::FileToSend;
use agent::{Settings, TransportChoice};
use link::{Bookmarks as _, Outbox};
use model::results::AttemptId;
use sha2::{Digest, Sha256};
use wire::{FlowCancel, FlowRequest, Limits, ServerSays, flow_bytes};

use crate::stage::{Actor, HeardFlow, Memory, Script, Scripted, Stage, attempt, request};

/// Runs one flow of a scripted collector to its end.
async fn run(limits: Limits, collector: Arc<Scripted>) -> HeardFlow {
    run_over(TransportChoice::Auto, limits, collector).await
}

async fn run_over(
    transport: TransportChoice,
    limits: Limits,
    collector: Arc<Scripted>,
) -> HeardFlow {
    let requests = vec![request(attempt(1, 1), limits)];
    let stage = Stage::new(Script { requests, ..Script::default() }).await;
    let identity = stage.identity().await;
    let memory = Memory::new();
    let settings = Settings { transport, ..Settings::default() };
    let _actor = Actor::start(&stage, &identity, &memory, collector, settings);
    let heard = stage.ended(attempt(1, 1)).await;
    // The end of a short attempt stands for its receipt.
    assert!(stage.record.lock().unwrap().receipts.iter().all(|taken| *taken == attempt(1, 1)));
    check_declared(&heard);
    heard
}

/// What the end declares is what arrived.
fn check_declared(heard: &HeardFlow) {
    let end = heard.end.as_ref().unwrap();
    for total in &end.sources {
        let rows = heard.rows.iter().filter(|(source, ..)| *source == total.source).count();
        assert_eq!(rows as u64, total.rows, "{}", total.source);
    }
    assert_eq!(end.brought.rows, heard.rows.len() as u64);
    let complete: Vec<_> = heard.files.values().filter(|file| file.2.is_some()).collect();
    assert_eq!(end.brought.uploads, complete.len() as u64);
    let bytes: usize = complete.iter().map(|file| file.1.len()).sum();
    assert_eq!(end.brought.upload_bytes, bytes as u64);
}

fn class(heard: &HeardFlow) -> &'static str {
    heard.end.as_ref().unwrap().outcome.class()
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_log_and_files_arrive_as_they_were_declared() {
    for transport in [TransportChoice::WebSocket, TransportChoice::Http] {
        let content: Vec<u8> = (0..700_000u32).map(|n| (n / 7) as u8).collect();
        let sent = content.clone();
        let collector = Scripted::collecting(move |order, evidence| {
            assert_eq!(order.labels, ["own"]);
            for n in 0..12_000 {
                evidence.row("A", format!("{{\"n\":{n}}}")).map_err(|halt| halt.to_string())?;
            }
            evidence.source_done("A");
            evidence.source_done("B");
            evidence.log("WARN", "careful", false);
            let (path, accessor) = ("/etc/big".to_owned(), "file".to_owned());
            let size = Some(sent.len() as u64);
            let file =
                evidence.file(FileToSend { path, accessor, size, content: &mut &sent[..] })?;
            assert_eq!((file.size, file.number), (700_000, 0));
            Ok(())
        });
        let heard = run_over(transport, Limits::default(), collector).await;
        assert_eq!(class(&heard), "");
        let rows: Vec<String> = heard.rows.iter().map(|(_, _, row)| row.clone()).collect();
        assert_eq!(rows, (0..12_000).map(|n| format!("{{\"n\":{n}}}")).collect::<Vec<_>>());
        assert_eq!(heard.log[0].text, "careful");
        let (path, bytes, sha256, declared) = &heard.files[&0];
        assert_eq!((path.as_str(), bytes == &content, *declared), ("/etc/big", true, 700_000));
        assert_eq!(*sha256, Some(Sha256::digest(&content).into()));
        let names: Vec<_> =
            heard.end.unwrap().sources.into_iter().map(|total| total.source).collect();
        assert_eq!(names, ["A", "B"]);
    }
}

/// A file whose size its folder does not know, and which breaks off.
struct Broken(usize);

impl Read for Broken {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if self.0 == 0 {
            return Err(std::io::Error::other("bad sector"));
        }
        let some = buffer.len().min(self.0);
        buffer[..some].fill(b'x');
        self.0 -= some;
        Ok(some)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn odd_files_keep_what_could_be_read() {
    let collector = Scripted::collecting(|_, evidence| {
        let send = |path: &str, size, content: &mut dyn Read| {
            let (path, accessor) = (path.to_owned(), "file".to_owned());
            evidence.file(FileToSend { path, accessor, size, content })
        };
        assert_eq!(send("/proc/x", Some(0), &mut &b"not empty"[..])?.size, 9);
        assert_eq!(send("/empty", Some(0), &mut &b""[..])?.size, 0);
        assert_eq!(send("/grows", Some(300_000), &mut &vec![1; 400_000][..])?.size, 300_000);
        assert_eq!(send("/breaks", Some(500_000), &mut Broken(300_000))?.size, 300_000);
        let unreadable = send("/gone", Some(5), &mut Broken(0)).unwrap_err();
        assert_eq!(unreadable, "/gone: bad sector");
        Ok(())
    });
    let heard = run(Limits::default(), collector).await;
    assert_eq!(class(&heard), "");
    assert_eq!(heard.files.len(), 4);
    assert_eq!(heard.files[&0].3, 9, "the size that was read is declared");
    assert!(heard.log[0].text.contains("kept its first 300000 bytes"), "{:?}", heard.log);
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_end_a_flow_with_their_own_reason() {
    let endless = || {
        Scripted::collecting(|order, evidence| {
            while !order.stop.is_raised() {
                evidence.row("A", "{}".to_owned()).map_err(|halt| halt.to_string())?;
            }
            Ok(())
        })
    };
    let heard = run(Limits { rows_max: 7, ..Limits::default() }, endless()).await;
    assert_eq!((class(&heard), heard.rows.len()), ("row_limit", 7));
    let heard = run(Limits { timeout_millis: 300, ..Limits::default() }, endless()).await;
    assert_eq!(class(&heard), "timeout");
    let idle = Scripted::collecting(|order, evidence| {
        while evidence.breathe().is_ok() && !order.stop.is_raised() {
            std::thread::yield_now();
        }
        Ok(())
    });
    let heard = run(Limits { progress_millis: 300, ..Limits::default() }, idle).await;
    assert_eq!(class(&heard), "no_progress");
    let greedy = Scripted::collecting(|_, evidence| {
        let (path, accessor, size) = ("/big".to_owned(), "file".to_owned(), Some(10 << 30));
        let content = &mut std::io::repeat(0);
        evidence.file(FileToSend { path, accessor, size, content }).map(drop)
    });
    let heard = run(Limits { upload_bytes_max: 1_000, ..Limits::default() }, greedy).await;
    assert_eq!((class(&heard), heard.files.len()), ("upload_limit", 0), "nothing travels in vain");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_busy_evaluation_is_kept_within_its_share_of_the_processor() {
    let busy = Scripted::collecting(|order, evidence| {
        let mut sum = 0u64;
        while evidence.breathe().is_ok() && !order.stop.is_raised() {
            sum = (0..50_000u64).fold(sum, |sum, n| sum.wrapping_mul(31).wrapping_add(n));
        }
        evidence.log("DEBUG", &sum.to_string(), false);
        Ok(())
    });
    let limits = Limits { cpu_percent: 10, timeout_millis: 2_000, ..Limits::default() };
    let end = run(limits, busy).await.end.unwrap();
    assert_eq!(end.outcome.class(), "timeout");
    // A tenth of two seconds and the look that ends it, with room for the first stretch.
    assert!((1..450).contains(&end.brought.cpu_millis), "{} ms", end.brought.cpu_millis);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_is_told_and_keeps_the_rows() {
    let collector = Scripted::collecting(|_, evidence| {
        evidence.row("A", "{}".to_owned()).map_err(|halt| halt.to_string())?;
        evidence.log("ERROR", "glob: no such accessor", true);
        evidence.row("A", "{}".to_owned()).map_err(|halt| halt.to_string())
    });
    let heard = run(Limits::default(), collector).await;
    let end = heard.end.unwrap();
    assert_eq!((end.outcome.class(), end.outcome.detail()), ("query", "glob: no such accessor"));
    assert_eq!(heard.rows.len(), 2);

    let panics = Scripted::collecting(|_, _| panic!("a bug in a plugin"));
    let heard = run(Limits::default(), panics).await;
    assert_eq!(class(&heard), "query");
    let refuses = Scripted::collecting(|_, _| Err("line 1: no plugin `x`".to_owned()));
    let end = run(Limits::default(), refuses).await.end.unwrap();
    assert_eq!((end.outcome.class(), end.outcome.detail()), ("query", "line 1: no plugin `x`"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_no_batch_can_hold_is_a_failure_and_not_silence() {
    let collector = Scripted::collecting(|_, evidence| {
        let row = format!("{{\"a\":\"{}\"}}", "x".repeat(600_000));
        evidence.row("A", row).map_err(|halt| halt.to_string())
    });
    let end = run(Limits::default(), collector).await.end.unwrap();
    assert_eq!(end.outcome.class(), "query");
    assert!(end.outcome.detail().contains("larger than a batch may be"), "{:?}", end.outcome);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_cancels_a_flow() {
    let requests = vec![request(attempt(1, 1), Limits::default())];
    let stage = Stage::new(Script { requests, ..Script::default() }).await;
    let identity = stage.identity().await;
    let began = Arc::new(tokio::sync::Notify::new());
    let beginning = Arc::clone(&began);
    let collector = Scripted::collecting(move |order, _| {
        beginning.notify_one();
        while !order.stop.is_raised() {
            std::thread::yield_now();
        }
        Ok(())
    });
    let memory = Memory::new();
    let _actor = Actor::start(&stage, &identity, &memory, collector, Settings::default());
    began.notified().await;
    stage.say(ServerSays::FlowCancel(FlowCancel { flow: flow_bytes(attempt(1, 1).flow) }));
    assert_eq!(class(&stage.ended(attempt(1, 1)).await), "cancelled");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_ends_what_was_evaluated_and_runs_what_was_not() {
    let stage = Stage::new(Script::default()).await;
    let identity = stage.identity().await;
    let memory = Memory::new();
    let keep = |id: AttemptId, begun: bool| {
        memory.outbox.accept(id, &request(id, Limits::default())).unwrap();
        if begun {
            memory.outbox.begin(id).unwrap();
        }
    };
    keep(attempt(1, 1), true);
    keep(attempt(2, 1), false);
    let collector = Scripted::collecting(|_, evidence| {
        evidence.row("A", "{}".to_owned()).map_err(|halt| halt.to_string())
    });
    let _actor = Actor::start(&stage, &identity, &memory, collector, Settings::default());
    assert_eq!(class(&stage.ended(attempt(1, 1)).await), "agent_restarted");
    let ran = stage.ended(attempt(2, 1)).await;
    assert_eq!((class(&ran), ran.rows.len()), ("", 1));
    let live = stage.until("a hello", |record| record.hellos.first().cloned()).await.live;
    assert!(live.contains(&attempt(1, 1)), "{live:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_dies_while_evaluating_never_mixes_attempts() {
    let stage = Stage::new(Script::default()).await;
    let identity = stage.identity().await;
    let memory = Memory::new();
    let runs = Arc::new(AtomicU32::new(0));
    let counting = Arc::clone(&runs);
    let collector = Scripted::collecting(move |order, evidence| {
        let run = counting.fetch_add(1, Ordering::SeqCst);
        evidence.row("A", format!("{{\"run\":{run}}}")).map_err(|halt| halt.to_string())?;
        evidence.source_done("A");
        // The first evaluation hangs until its process dies.
        while run == 0 && !order.stop.is_raised() {
            std::thread::yield_now();
        }
        Ok(())
    });
    stage.script.lock().unwrap().requests = vec![request(attempt(1, 1), Limits::default())];
    let first = Actor::start(&stage, &identity, &memory, collector.clone(), Settings::default());
    stage.until("the first row", |record| record.flows.get(&attempt(1, 1)).cloned()).await;
    first.stop.cancel();
    drop(first.farewell().await);
    // The server's retry policy grants a second attempt.
    stage.script.lock().unwrap().requests =
        vec![request(attempt(1, 1), Limits::default()), request(attempt(1, 2), Limits::default())];
    let _second = Actor::start(&stage, &identity, &memory, collector, Settings::default());
    let again = stage.ended(attempt(1, 2)).await;
    let lost = stage.ended(attempt(1, 1)).await;
    assert_eq!((class(&lost), class(&again)), ("agent_restarted", ""));
    assert_eq!(again.rows, [("A".to_owned(), 0, "{\"run\":1}".to_owned())]);
    assert_eq!(runs.load(Ordering::SeqCst), 2, "the first attempt did not run again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_comes_again_is_not_run_again() {
    let requests: Vec<FlowRequest> =
        (0..3).map(|_| request(attempt(1, 1), Limits::default())).collect();
    let stage = Stage::new(Script { requests, ..Script::default() }).await;
    let identity = stage.identity().await;
    let runs = Arc::new(AtomicU32::new(0));
    let counting = Arc::clone(&runs);
    let collector = Scripted::collecting(move |_, _| {
        counting.fetch_add(1, Ordering::SeqCst);
        Ok(())
    });
    let memory = Memory::new();
    let _actor = Actor::start(&stage, &identity, &memory, collector, Settings::default());
    // The first request is answered with the end of its attempt, if that is there in time.
    stage.until("receipts of both repetitions", |r| (r.receipts.len() >= 2).then_some(())).await;
    stage.ended(attempt(1, 1)).await;
    // A server that was restored from a backup asks for it once more.
    stage.record.lock().unwrap().flows.clear();
    stage.say(ServerSays::FlowRequest(request(attempt(1, 1), Limits::default())));
    stage.ended(attempt(1, 1)).await;
    assert_eq!(runs.load(Ordering::SeqCst), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_attempt_ends_the_older() {
    let stage = Stage::new(Script {
        requests: vec![request(attempt(1, 1), Limits::default())],
        ..Script::default()
    })
    .await;
    let identity = stage.identity().await;
    let runs = Mutex::new(0);
    let collector = Scripted::collecting(move |order, evidence| {
        let first = {
            let mut runs = runs.lock().unwrap();
            *runs += 1;
            *runs == 1
        };
        evidence.log("INFO", "begun", false);
        while first && !order.stop.is_raised() {
            std::thread::yield_now();
        }
        Ok(())
    });
    let memory = Memory::new();
    let _actor = Actor::start(&stage, &identity, &memory, collector, Settings::default());
    stage.until("the first began", |r| r.flows.get(&attempt(1, 1)).map(|_| ())).await;
    stage.say(ServerSays::FlowRequest(request(attempt(1, 2), Limits::default())));
    assert_eq!(class(&stage.ended(attempt(1, 2)).await), "");
    assert_eq!(class(&stage.ended(attempt(1, 1)).await), "refused");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_spool_makes_the_evaluation_wait_and_loses_nothing() {
    let requests = vec![request(attempt(1, 1), Limits::default())];
    let stage = Stage::new(Script { requests, hold_acks: true, ..Script::default() }).await;
    let identity = stage.identity().await;
    let memory = Memory::of_size(300_000);
    let made = Arc::new(AtomicU32::new(0));
    let counting = Arc::clone(&made);
    let collector = Scripted::collecting(move |_, evidence| {
        // Hardly compressible rows.
        let mut state = 1u64;
        for n in 0..20_000 {
            let mut text = String::new();
            for _ in 0..5 {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                text.push_str(&format!("{state:x}"));
            }
            evidence
                .row("A", format!("{{\"n\":{n},\"t\":\"{text}\"}}"))
                .map_err(|h| h.to_string())?;
            counting.store(n, Ordering::SeqCst);
        }
        Ok(())
    });
    let _actor = Actor::start(&stage, &identity, &memory, collector, Settings::default());
    stage.until("some rows", |r| r.flows.get(&attempt(1, 1)).map(|_| ())).await;
    while memory.outbox.census().bytes < 100_000 {
        tokio::task::yield_now().await;
    }
    assert!(made.load(Ordering::SeqCst) < 19_999, "it waits for room");
    // The server recovers; the agent comes back and everything arrives.
    stage.script.lock().unwrap().hold_acks = false;
    stage.say(ServerSays::Bye(wire::Bye::default()));
    let heard = stage.ended(attempt(1, 1)).await;
    assert_eq!((class(&heard), heard.rows.len()), ("", 20_000));
    check_declared(&heard);
    assert_eq!(memory.bookmarks.crashed(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_window_ends_before_the_clock_of_the_machine_and_is_told_back() {
    // The clock of the stage's agents stands at 1,700,000,000 seconds.
    for (from, want, anew) in [
        (1_600_000_000, (1_600_000_000, 1_699_999_940), false),
        (1_800_000_000, (1_699_999_840, 1_699_999_940), true),
    ] {
        let collector = Scripted::collecting(move |order, evidence| {
            let collection = &order.collections[0];
            let seen: Vec<&str> =
                collection.environment.iter().map(|(name, _)| name.as_str()).collect();
            assert_eq!(seen, ["window_from", "window_to"]);
            evidence.row("A", "{}".to_owned()).map_err(|halt| halt.to_string())?;
            evidence.source_done("A");
            Ok(())
        });
        let mut asked = request(attempt(1, 1), Limits::default());
        asked.collections[0].window = Some(wire::Window {
            sources: vec!["A".into()],
            from_micros: Some(from * 1_000_000),
            buffer_micros: 60_000_000,
            first_micros: Some(100_000_000),
        });
        let stage = Stage::new(Script { requests: vec![asked], ..Script::default() }).await;
        let identity = stage.identity().await;
        let memory = Memory::new();
        let _actor = Actor::start(&stage, &identity, &memory, collector, Settings::default());
        let heard = stage.ended(attempt(1, 1)).await;
        let window = &heard.end.as_ref().unwrap().windows[0];
        let told = (window.from.as_micros() / 1_000_000, window.to.as_micros() / 1_000_000);
        assert_eq!((window.source.as_str(), told, window.anew), ("A", want, anew));
        let warned = heard.log.iter().any(|line| line.text.contains("was set back"));
        assert_eq!(warned, anew);
        assert_eq!(class(&heard), "");
    }
}
