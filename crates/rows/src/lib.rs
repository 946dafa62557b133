//! Values and rows: how they compare and print.
