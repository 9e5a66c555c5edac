//! Traces of runs.
