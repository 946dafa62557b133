//! VQL plugins about a machine.
