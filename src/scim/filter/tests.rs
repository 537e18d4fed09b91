//! Tests of filters.

mod check;
mod eval;
mod parse;
