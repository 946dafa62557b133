//! The nouns and their lives: client, artifact, flow, hunt, member.
