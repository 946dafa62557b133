//! Real file systems, archives and memory behind one path type.
