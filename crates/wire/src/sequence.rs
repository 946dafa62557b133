//! Sequences of length-delimited frames: the bodies of the HTTP fallback, and the spool's records.

use prost::Message;
use prost::encoding::{WireType, decode_varint, encode_key, encode_varint};

use crate::{BadFrame, FRAME_BYTES_MAX, POLL_FRAMES_MAX};

/// Appends one frame to a sequence.
pub fn append_frame(sequence: &mut Vec<u8>, frame: &impl Message) {
    append_encoded(sequence, &frame.encode_to_vec());
}

/// Appends the bytes of one encoded frame to a sequence.
pub fn append_encoded(sequence: &mut Vec<u8>, frame: &[u8]) {
    encode_varint(frame.len() as u64, sequence);
    sequence.extend_from_slice(frame);
}

/// The frame that carries an encoded [`crate::Report`], as it lies in the spool.
pub fn report_frame(report: &[u8]) -> Vec<u8> {
    let mut frame = Vec::with_capacity(report.len() + 8);
    // Field 5 of `AgentFrame`.
    encode_key(5, WireType::LengthDelimited, &mut frame);
    append_encoded(&mut frame, report);
    frame
}

/// The encoded frames of a sequence, in order. Nothing is copied, and no frame is larger than
/// [`FRAME_BYTES_MAX`].
pub fn split_frames(mut sequence: &[u8]) -> Result<Vec<&[u8]>, BadFrame> {
    let mut frames = Vec::new();
    while !sequence.is_empty() {
        if frames.len() == POLL_FRAMES_MAX {
            let why = format!("has more than {POLL_FRAMES_MAX} frames");
            return Err(BadFrame::field("sequence", why));
        }
        let length = decode_varint(&mut sequence)
            .map_err(|error| BadFrame::Undecodable { why: error.to_string() })?;
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        if length > FRAME_BYTES_MAX {
            return Err(BadFrame::TooLarge { bytes: length });
        }
        let Some((frame, rest)) = sequence.split_at_checked(length) else {
            return Err(BadFrame::Torn { wanted: length - sequence.len() });
        };
        frames.push(frame);
        sequence = rest;
    }
    Ok(frames)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{AgentFrame, AgentSays, ForemanPoll};

    fn poll(cursor: u64) -> AgentFrame {
        AgentFrame { says: Some(AgentSays::Poll(ForemanPoll { cursor, recheck: 0 })) }
    }

    #[test]
    fn a_sequence_reads_what_was_appended() {
        let mut sequence = Vec::new();
        for cursor in [1, 1 << 40] {
            append_frame(&mut sequence, &poll(cursor));
        }
        let frames = split_frames(&sequence).unwrap();
        let read: Vec<_> = frames.iter().map(|bytes| AgentFrame::decode(*bytes).unwrap()).collect();
        assert_eq!(read, [poll(1), poll(1 << 40)]);
        assert_eq!(split_frames(&[]), Ok(vec![]));
    }

    #[test]
    fn a_stored_report_becomes_a_frame_without_being_parsed() {
        let report = crate::Report { number: 300, attempt: None, says: None };
        let frame = AgentFrame { says: Some(AgentSays::Report(report.clone())) };
        assert_eq!(report_frame(&report.encode_to_vec()), frame.encode_to_vec());
    }

    #[test]
    fn a_torn_or_oversized_sequence_is_refused() {
        let mut sequence = Vec::new();
        append_frame(&mut sequence, &poll(5));
        sequence.pop();
        assert_eq!(split_frames(&sequence), Err(BadFrame::Torn { wanted: 1 }));
        let mut huge = Vec::new();
        encode_varint(10 << 30, &mut huge);
        assert_eq!(split_frames(&huge), Err(BadFrame::TooLarge { bytes: 10 << 30 }));
        assert!(matches!(split_frames(&[0xff; 11]), Err(BadFrame::Undecodable { .. })));
        assert!(split_frames(&vec![0; POLL_FRAMES_MAX + 1]).is_err());
    }
}
