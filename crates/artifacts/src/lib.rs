//! Artifact files: YAML to model, and what is wrong with it.
