//! The results log: one checksummed line each, only ever appended to.
//!
//! A line is the CRC-32 of the rest (8 hexadecimal digits), a space, and JSON: the plan of a sweep, or the result of a point. A
//! line that was cut off by a stop, or is damaged, is ignored.

use super::{Plan, SweepError};
use flate2::Crc;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
enum Line {
    Plan(Plan),
    Result { key: String, cells: Vec<String> },
}

/// The contents of a results log.
#[derive(Debug, Default)]
pub(super) struct Contents {
    /// The last plan.
    pub(super) plan: Option<Plan>,
    /// Results by key.
    pub(super) results: HashMap<String, Vec<String>>,
    /// Damaged lines between whole ones.
    pub(super) damaged: usize,
    /// Bytes up to the end of the last whole line.
    end: u64,
}

/// An open log.
#[derive(Debug)]
pub(super) struct Log {
    file: File,
    path: PathBuf,
}

fn io(action: &'static str, path: &Path) -> impl Fn(std::io::Error) -> SweepError {
    let path = path.to_owned();
    move |source| SweepError::Io { action, path: path.clone(), source }
}

fn checksum(text: &[u8]) -> u32 {
    let mut crc = Crc::new();
    crc.update(text);
    crc.sum()
}

/// The content of a line without its end, if it is whole.
fn decode(line: &[u8]) -> Option<Line> {
    let (sum, json) = (line.get(..8)?, line.get(9..)?);
    let sum = u32::from_str_radix(std::str::from_utf8(sum).ok()?, 16).ok()?;
    if line[8] != b' ' || sum != checksum(json) {
        return None;
    }
    serde_json::from_slice(json).ok()
}

fn parse(bytes: &[u8], path: &Path) -> Result<Contents, SweepError> {
    let mut contents = Contents::default();
    let (mut start, mut first) = (0, true);
    while let Some(length) = bytes[start..].iter().position(|&byte| byte == b'\n') {
        match decode(&bytes[start..start + length]) {
            Some(Line::Plan(plan)) => contents.plan = Some(plan),
            Some(Line::Result { key, cells }) => {
                contents.results.insert(key, cells);
            }
            // A file that hwsim did not write is not overwritten.
            None if first => return Err(SweepError::NoLog(path.to_owned())),
            None => contents.damaged += 1,
        }
        first = false;
        start += length + 1;
    }
    // The beginning of a line may be what a stop left of the first; anything else is no log.
    let rest = &bytes[start..];
    let sum = &rest[..rest.len().min(8)];
    if first && !sum.iter().all(|byte| byte.is_ascii_hexdigit() && !byte.is_ascii_uppercase()) {
        return Err(SweepError::NoLog(path.to_owned()));
    }
    contents.end = start as u64;
    Ok(contents)
}

/// Reads the log `path` without opening it for writing.
pub(super) fn read(path: &Path) -> Result<Contents, SweepError> {
    let bytes = std::fs::read(path).map_err(io("read", path))?;
    parse(&bytes, path)
}

impl Drop for Log {
    fn drop(&mut self) {
        // A process that is being started has a copy of the open file for a moment; closing this one would not end the lock.
        let _ = self.file.unlock();
    }
}

impl Log {
    /// Opens the log `path`, or makes it, for this process alone, and cuts off what a stop left of a last line.
    pub(super) fn open(path: &Path) -> Result<(Self, Contents), SweepError> {
        let file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path);
        let mut file = file.map_err(io("open", path))?;
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => return Err(SweepError::Locked(path.to_owned())),
            // A file system without locks cannot protect against a second process.
            Err(TryLockError::Error(_)) | Ok(()) => {}
        }
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(io("read", path))?;
        let contents = parse(&bytes, path)?;
        file.set_len(contents.end).map_err(io("write", path))?;
        file.seek(SeekFrom::End(0)).map_err(io("write", path))?;
        Ok((Self { file, path: path.to_owned() }, contents))
    }

    pub(super) fn plan(&mut self, plan: &Plan) -> Result<(), SweepError> {
        self.append(&Line::Plan(plan.clone()))?;
        self.sync()
    }

    pub(super) fn result(&mut self, key: &str, cells: &[String]) -> Result<(), SweepError> {
        self.append(&Line::Result { key: key.to_owned(), cells: cells.to_vec() })
    }

    fn append(&mut self, line: &Line) -> Result<(), SweepError> {
        let json = serde_json::to_string(line).map_err(std::io::Error::other);
        let json = json.map_err(io("write", &self.path))?;
        let text = format!("{:08x} {json}\n", checksum(json.as_bytes()));
        // One call, so that a stop leaves a whole line or the beginning of one.
        self.file.write_all(text.as_bytes()).map_err(io("write", &self.path))
    }

    /// Waits until the disk has everything.
    pub(super) fn sync(&self) -> Result<(), SweepError> {
        self.file.sync_data().map_err(io("write", &self.path))
    }
}
