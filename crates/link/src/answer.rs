//! Cuts the answer to a check into frames: rows that do not fit one frame go in parts.

use prost::Message;
use wire::{ANSWER_BYTES_MAX, AgentFrame, AgentSays, CheckAnswer, QueryAnswer};

/// The frames of an answer, all but the last with `more`. An answer without queries is one frame.
/// A query whose rows alone are larger than [`ANSWER_BYTES_MAX`] is answered as failed.
pub fn answer_frames(head: &CheckAnswer, answers: Vec<QueryAnswer>) -> Vec<Vec<u8>> {
    let mut parts: Vec<Vec<QueryAnswer>> = vec![Vec::new()];
    let mut bytes = 0;
    for answer in answers.into_iter().map(within_limit) {
        let size = answer.encoded_len();
        if bytes + size > ANSWER_BYTES_MAX && bytes > 0 {
            parts.push(Vec::new());
            bytes = 0;
        }
        bytes += size;
        if let Some(part) = parts.last_mut() {
            part.push(answer);
        }
    }
    let last = parts.len() - 1;
    let frame = |(at, answers): (usize, Vec<QueryAnswer>)| {
        let answer = CheckAnswer { answers, more: at < last, ..head.clone() };
        AgentFrame { says: Some(AgentSays::Answer(answer)) }.encode_to_vec()
    };
    parts.into_iter().enumerate().map(frame).collect()
}

fn within_limit(answer: QueryAnswer) -> QueryAnswer {
    let bytes: usize = answer.rows.iter().map(String::len).sum();
    if bytes <= ANSWER_BYTES_MAX {
        return answer;
    }
    let error =
        format!("the query gave {bytes} bytes of rows; at most {ANSWER_BYTES_MAX} can be sent");
    QueryAnswer { rows: Vec::new(), error, ..answer }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wire::{AgentSaid, FRAME_BYTES_MAX, read_agent_frame};

    fn gave(bytes: usize) -> QueryAnswer {
        let row = format!("{{\"a\":\"{}\"}}", "x".repeat(bytes));
        QueryAnswer { rows: vec![row], ..QueryAnswer::default() }
    }

    #[test]
    fn a_large_answer_goes_in_parts_that_the_server_accepts() {
        let head = CheckAnswer { check: 7, ..CheckAnswer::default() };
        let answers = vec![gave(500_000), gave(400_000), gave(600_000), gave(2_000_000)];
        let frames = answer_frames(&head, answers);
        let mut parts = Vec::new();
        for frame in &frames {
            assert!(frame.len() <= FRAME_BYTES_MAX);
            match read_agent_frame(frame) {
                Ok(AgentSaid::Answer(part)) => {
                    parts.push((part.check, part.answers.len(), part.more))
                }
                other => panic!("not an answer: {other:?}"),
            }
        }
        assert_eq!(parts, [(7, 2, true), (7, 2, false)]);
        assert_eq!(answer_frames(&head, vec![]).len(), 1);
    }
}
