//! Enrolment, labels, presence.
