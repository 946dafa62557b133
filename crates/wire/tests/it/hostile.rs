//! Bytes from an enemy: refused or read, never a panic, and never more memory than the limits say.

use proptest::prelude::*;
use prost::Message;
use wire::*;

proptest! {
    #[test]
    fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..2_000)) {
        let _ = read_agent_frame(&bytes);
        let _ = read_server_frame(&bytes);
        if let Ok(frames) = split_frames(&bytes) {
            prop_assert!(frames.iter().map(|frame| frame.len()).sum::<usize>() <= bytes.len());
        }
    }

    #[test]
    fn a_golden_frame_with_a_changed_byte_never_panics(
        which in 0usize..100,
        at in any::<prop::sample::Index>(),
        to in any::<u8>(),
    ) {
        let frames = crate::golden::agent_frames();
        let mut bytes = frames[which % frames.len()].1.encode_to_vec();
        if !bytes.is_empty() {
            let at = at.index(bytes.len());
            bytes[at] = to;
        }
        let _ = read_agent_frame(&bytes);
    }

    #[test]
    fn a_row_passes_exactly_when_json_says_object(text in r#"[\[\]{}",:a1 \\n-]{0,40}"#) {
        let object = serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(&text);
        prop_assert_eq!(check_row(&text).is_ok(), object.is_ok() && !text.contains('\n'));
    }
}

#[test]
fn a_frame_above_the_limit_is_refused_unread() {
    let bytes = vec![0; FRAME_BYTES_MAX + 1];
    assert_eq!(read_agent_frame(&bytes), Err(BadFrame::TooLarge { bytes: FRAME_BYTES_MAX + 1 }));
    assert_eq!(read_server_frame(&bytes), Err(BadFrame::TooLarge { bytes: FRAME_BYTES_MAX + 1 }));
}

fn report(says: ReportSays) -> Result<Reported, BadFrame> {
    let attempt = Some(Attempt { flow: vec![0; 16], attempt: 1 });
    let report = Report { number: 9, attempt, says: Some(says) };
    let frame = AgentFrame { says: Some(AgentSays::Report(report)) };
    match read_agent_frame(&frame.encode_to_vec()) {
        Ok(AgentSaid::Report(report)) => {
            assert_eq!(report.number, 9, "the number stays readable");
            report.content.map(|(_, said)| said)
        }
        other => panic!("not a report: {other:?}"),
    }
}

#[test]
fn a_bad_report_keeps_its_number_and_says_what_is_wrong() {
    let part = UploadPart { path: "/etc/passwd".into(), data: vec![1], ..UploadPart::default() };
    let check = |part: UploadPart, wanted: &str| {
        let refused = report(ReportSays::Upload(part)).unwrap_err().to_string();
        assert!(refused.contains(wanted), "{refused}");
    };
    assert!(report(ReportSays::Upload(part.clone())).is_ok());
    check(UploadPart { offset: u64::MAX, ..part.clone() }, "beyond the end");
    check(UploadPart { path: String::new(), ..part.clone() }, "upload.path");
    check(UploadPart { last: true, ..part.clone() }, "32 bytes");
    check(UploadPart { sha256: vec![0; 32], ..part.clone() }, "last part only");
    check(UploadPart { data: vec![], ..part.clone() }, "is empty");
    check(UploadPart { data: vec![0; UPLOAD_PART_BYTES_MAX + 1], ..part }, "at most");
    let lines = vec![frames_log_line("x"); LOG_LINES_MAX + 1];
    let refused = report(ReportSays::Log(LogLines { seq: 0, lines })).unwrap_err();
    assert!(refused.to_string().contains("at most 1000"), "{refused}");
}

fn frames_log_line(text: &str) -> LogLine {
    LogLine { time_micros: 0, level: "INFO".into(), text: text.into() }
}

#[test]
fn an_unknown_failure_of_a_newer_agent_is_still_a_failure() {
    let status =
        Status { failure: "eaten".into(), detail: "by a wolf".into(), ..Status::default() };
    let Ok(Reported::Ended(end)) = report(ReportSays::Status(status)) else {
        panic!("a status is readable")
    };
    assert_eq!(end.outcome.class(), "query");
    assert_eq!(end.outcome.detail(), "eaten: by a wolf");
}

#[test]
fn a_lying_row_fails_its_own_offers_only() {
    let answer = |row: &str| QueryAnswer {
        offers: vec![Offer { hunt: vec![1; 16], round: 1, revision: 1 }],
        rows: vec![row.into()],
        ..QueryAnswer::default()
    };
    let said =
        CheckAnswer { answers: vec![answer("not json"), answer("{}")], ..CheckAnswer::default() };
    let frame = AgentFrame { says: Some(AgentSays::Answer(said)) };
    let Ok(AgentSaid::Answer(read)) = read_agent_frame(&frame.encode_to_vec()) else {
        panic!("the answer is readable")
    };
    assert!(matches!(&read.answers[0].outcome, Err(CheckFailure::Failed(_))));
    assert_eq!(read.answers[1].outcome, Ok(vec!["{}".to_owned()]));
}
