//! Tidy, floor plan, reference docs. Never shipped.
