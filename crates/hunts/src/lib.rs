//! Who is asked, how fast, and when to stop.
