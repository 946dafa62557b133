//! Golden files: `golden/NAME.v1.bin` is what version 1 of the protocol sent, kept for ever.
//!
//! A new kind of frame gets a new file (run with `UPDATE_EXPECT=1` to write files that are missing);
//! an existing file is never written again, so a changed field number fails here.

use std::path::{Path, PathBuf};

use prost::Message;
use wire::*;

fn attempt() -> Option<Attempt> {
    Some(Attempt { flow: (1..=16).collect(), attempt: 2 })
}

fn offers() -> Vec<Offer> {
    vec![Offer { hunt: (16..32).collect(), round: 1, revision: 3 }]
}

fn facts() -> Facts {
    Facts {
        hostname: "web-1".into(),
        fqdn: "web-1.example.org".into(),
        os: "linux".into(),
        platform: "debian 12".into(),
        architecture: "amd64".into(),
        agent_version: "0.1.0".into(),
    }
}

fn report(number: u64, says: ReportSays) -> AgentSays {
    AgentSays::Report(Report { number, attempt: attempt(), says: Some(says) })
}

fn upload() -> UploadPart {
    UploadPart {
        number: 1,
        path: "/etc/passwd".into(),
        accessor: "file".into(),
        declared_size: 7,
        offset: 4,
        data: b"abc".to_vec(),
        last: true,
        sha256: vec![9; 32],
    }
}

fn status() -> Status {
    Status {
        failure: "query".into(),
        detail: "line 1: no plugin `x`".into(),
        sources: vec![SourceCount { source: "A/B".into(), rows: 2, batches: 1 }],
        uploads: 1,
        upload_bytes: 7,
        cpu_millis: 12,
        log_batches: 1,
        windows: vec![],
    }
}

/// One frame of every kind that an agent sends, with every field set.
pub(crate) fn agent_frames() -> Vec<(&'static str, AgentFrame)> {
    let line =
        LogLine { time_micros: 1_700_000_000_000_000, level: "WARN".into(), text: "w".into() };
    let hello = Hello {
        protocol: 1,
        facts: Some(facts()),
        cursor: 1_700_000_000_000_001,
        live: attempt().into_iter().collect(),
        recheck: 4,
        hold_secs: 25,
        acknowledged: 40,
        monitoring: None,
        takes_checks: false,
    };
    let monitoring = Hello { monitoring: Some(1 << 40), ..hello.clone() };
    let takes_checks = Hello { takes_checks: true, ..monitoring.clone() };
    let answer = CheckAnswer {
        check: 7,
        snapshot: 1_700_000_000_000_002,
        answers: vec![
            QueryAnswer {
                offers: offers(),
                rows: vec![r#"{"OS":"linux"}"#.into()],
                ..Default::default()
            },
            QueryAnswer { offers: offers(), error: "timeout".into(), ..Default::default() },
            QueryAnswer { offers: offers(), crashed: true, ..Default::default() },
        ],
        recheck: 4,
        more: true,
    };
    let rows = Rows {
        source: "A/B".into(),
        seq: 5,
        count: 1,
        jsonl: b"{\"a\":1}\n".to_vec(),
        zstd: false,
    };
    let run = model::results::AttemptId::of_run(model::monitoring::RunId(5));
    let events = Report {
        number: 5,
        attempt: Some(run.into()),
        says: Some(ReportSays::Events(Events {
            rows: Some(rows.clone()),
            first_micros: 1_700_000_000_000_000,
            since_last: vec![0],
            log: true,
        })),
    };
    let window = WindowDone {
        source: "A/B".into(),
        from_micros: 1_700_000_000_000_000,
        to_micros: 1_700_000_060_000_000,
        anew: true,
    };
    let with_windows = Status { windows: vec![window], ..status() };
    [
        ("agent-hello", AgentSays::Hello(hello)),
        ("agent-hello-monitoring", AgentSays::Hello(monitoring)),
        ("agent-hello-takes-checks", AgentSays::Hello(takes_checks)),
        ("agent-poll", AgentSays::Poll(ForemanPoll { cursor: 1_700_000_000_000_001, recheck: 4 })),
        ("agent-answer", AgentSays::Answer(answer)),
        ("agent-receipt", AgentSays::Receipt(FlowReceipt { attempt: attempt() })),
        ("agent-report-rows", report(1, ReportSays::Rows(rows))),
        ("agent-report-log", report(2, ReportSays::Log(LogLines { seq: 0, lines: vec![line] }))),
        ("agent-report-upload", report(3, ReportSays::Upload(upload()))),
        ("agent-report-status", report(4, ReportSays::Status(status()))),
        ("agent-report-events", AgentSays::Report(events)),
        ("agent-report-status-windows", report(5, ReportSays::Status(with_windows))),
    ]
    .map(|(name, says)| (name, AgentFrame { says: Some(says) }))
    .into()
}

fn collection() -> Collection {
    Collection {
        artifact: "A".into(),
        environment: vec![Pair { name: "glob".into(), value: "/etc/*".into() }],
        prelude: "LET x = 1".into(),
        sources: vec![Source {
            name: "A/B".into(),
            vql: "SELECT 1".into(),
            precondition: "SELECT 2".into(),
        }],
        parallel: true,
        dependencies: vec!["name: C".into()],
        tools: vec![],
        window: None,
    }
}

fn server_frames() -> Vec<(&'static str, ServerFrame)> {
    let labels = vec!["web".to_owned(), "prod".to_owned()];
    let welcome = Welcome {
        protocol: 1,
        newest_offer: 9,
        labels: labels.clone(),
        recheck: 4,
        poll_secs: 600,
    };
    let query = ClientQuery {
        vql: "SELECT OS FROM info()".into(),
        offers: offers(),
        timeout_millis: 10_000,
        rows_max: 1_000,
        bytes_max: 1 << 20,
    };
    let limits = Limits {
        rows_max: 1,
        upload_bytes_max: 2,
        cpu_percent: 3,
        timeout_millis: 4,
        progress_millis: 5,
    };
    let request =
        FlowRequest { attempt: attempt(), collections: vec![collection()], limits: Some(limits) };
    let tool = Tool {
        name: "T".into(),
        version: "1".into(),
        filename: "t.bin".into(),
        sha256: vec![3; 32],
        size: 7,
    };
    let mut with_tools = request.clone();
    with_tools.collections[0].tools.push(tool);
    let mut with_window = request.clone();
    with_window.collections[0].window = Some(Window {
        sources: vec!["A/B".into()],
        from_micros: Some(1_700_000_000_000_000),
        buffer_micros: 60_000_000,
        first_micros: Some(86_400_000_000),
    });
    let ack = ReportAck {
        up_to: 4,
        rejected: vec![Rejected { number: 3, reason: "the attempt is over".into() }],
    };
    let monitored = Monitored {
        collection: Some(collection()),
        cpu_percent: 5,
        rows_per_second: 100,
        batch_rows: 1_000,
        batch_bytes: 65_536,
        batch_wait_millis: 5_000,
    };
    [
        ("server-welcome", ServerSays::Welcome(welcome)),
        (
            "server-hunts-changed",
            ServerSays::HuntsChanged(HuntsChanged { newest_offer: 9, recheck: 5, labels }),
        ),
        ("server-check", ServerSays::Check(Check { check: 7, snapshot: 9, queries: vec![query] })),
        ("server-cursor-ack", ServerSays::CursorAck(CursorAck { cursor: 9, recheck: 5 })),
        ("server-flow-request", ServerSays::FlowRequest(request)),
        ("server-flow-request-tools", ServerSays::FlowRequest(with_tools)),
        ("server-flow-request-window", ServerSays::FlowRequest(with_window)),
        ("server-flow-cancel", ServerSays::FlowCancel(FlowCancel { flow: (1..=16).collect() })),
        ("server-report-ack", ServerSays::ReportAck(ack)),
        (
            "server-bye",
            ServerSays::Bye(Bye { reason: "revoked".into(), for_ever: true, retry_secs: 60 }),
        ),
        (
            "server-monitoring",
            ServerSays::Monitoring(Monitoring { id: 7, wanted: vec![monitored] }),
        ),
    ]
    .map(|(name, says)| (name, ServerFrame { says: Some(says) }))
    .into()
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("golden")
}

/// Reads the golden file of this name; writes it when it is missing and that was asked for.
fn golden(name: &str, bytes: &[u8]) -> Vec<u8> {
    let path = folder().join(format!("{name}.v1.bin"));
    if !path.exists() && std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(&path, bytes).expect("the golden folder is part of the source tree");
    }
    std::fs::read(&path).unwrap_or_else(|error| {
        panic!("{}: {error}; run the test with UPDATE_EXPECT=1 to write it", path.display())
    })
}

#[test]
fn every_frame_of_version_1_is_still_read() {
    for (name, frame) in agent_frames() {
        let bytes = golden(name, &frame.encode_to_vec());
        assert_eq!(AgentFrame::decode(bytes.as_slice()), Ok(frame), "{name}");
        if let Err(bad) = read_agent_frame(&bytes) {
            panic!("{name}: {bad}");
        }
    }
    for (name, frame) in server_frames() {
        let bytes = golden(name, &frame.encode_to_vec());
        assert_eq!(ServerFrame::decode(bytes.as_slice()), Ok(frame), "{name}");
        if let Err(bad) = read_server_frame(&bytes) {
            panic!("{name}: {bad}");
        }
    }
}

#[test]
fn enrolment_of_version_1_is_still_read() {
    let request =
        EnrolRequest { token: "t.secret".into(), csr: vec![1, 2, 3], facts: Some(facts()) };
    let bytes = golden("enrol-request", &request.encode_to_vec());
    assert_eq!(EnrolRequest::decode(bytes.as_slice()), Ok(request));
    let reply = EnrolReply { certificate: vec![4, 5], client: "C.1".into(), refused: "no".into() };
    let bytes = golden("enrol-reply", &reply.encode_to_vec());
    assert_eq!(EnrolReply::decode(bytes.as_slice()), Ok(reply));
}

#[test]
fn every_golden_file_is_read_by_a_test() {
    let mut known: Vec<String> = agent_frames()
        .iter()
        .map(|(name, _)| *name)
        .chain(server_frames().iter().map(|(name, _)| *name))
        .chain(["enrol-request", "enrol-reply"])
        .map(|name| format!("{name}.v1.bin"))
        .collect();
    let mut there: Vec<String> = std::fs::read_dir(folder())
        .expect("the golden folder is part of the source tree")
        .map(|entry| entry.expect("readable").file_name().to_string_lossy().into_owned())
        .collect();
    known.sort();
    there.sort();
    assert_eq!(there, known);
}

#[test]
fn a_field_that_is_not_known_yet_is_skipped() {
    let mut bytes = ForemanPoll { cursor: 5, recheck: 0 }.encode_to_vec();
    // Field 1000, a text of three bytes.
    prost::encoding::string::encode(1_000, &"new".to_owned(), &mut bytes);
    assert_eq!(ForemanPoll::decode(bytes.as_slice()), Ok(ForemanPoll { cursor: 5, recheck: 0 }));
}
