//! Input and output paths and execution settings (threads, resume): no result depends on
//! them, so a resumed run may change them and a sweep or a measurement decides on them itself.

/// Their names.
const CARRIED_OUT: [&str; 12] = [
    "data-dir",
    "threads",
    "with-baseline",
    "trace",
    "trace-every",
    "summary",
    "checkpoint",
    "overwrite",
    "checkpoint-every",
    "resume",
    "save-model",
    "quiet",
];

/// Whether `name` is such a setting; that of a switch may begin with `no-`.
pub(in crate::cli) fn is_carried_out(name: &str) -> bool {
    CARRIED_OUT.contains(&name.strip_prefix("no-").unwrap_or(name))
}
