//! Complete traces, and traces of killed runs.

use super::*;
use flate2::read::GzDecoder;
use std::io::{Read, Write};

fn files(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<_> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn rows_come_back_from_plain_and_gzip_files() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["x.csv", "x.csv.gz"] {
        let path = folder.path().join(name);
        write(&path, &rows());
        assert_eq!(read(&path).unwrap(), rows(), "{name}");
    }
    assert_eq!(files(folder.path()), ["x.csv", "x.csv.gz"]);
    let mut text = Vec::new();
    let gzip = std::fs::read(folder.path().join("x.csv.gz")).unwrap();
    GzDecoder::new(&gzip[..]).read_to_end(&mut text).unwrap();
    assert_eq!(text, std::fs::read(folder.path().join("x.csv")).unwrap());
    assert_eq!(gzip[4..8], [0; 4], "no time of compression");
}

#[test]
fn the_final_file_changes_only_at_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.csv");
    std::fs::write(&path, "old").unwrap();
    let mut writer = TraceWriter::create(&path).unwrap();
    writer.write(&Row::Step(step_row())).unwrap();
    let partial = writer.abandon().unwrap();
    assert_eq!(partial, folder.path().join("x.csv.partial"));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "old");
    assert_eq!(read(&partial).unwrap(), [Row::Step(step_row())]);
    write(&path, &rows());
    assert_eq!(files(folder.path()), ["x.csv"]);
    assert_eq!(read(&path).unwrap(), rows());
}

#[test]
fn a_place_that_cannot_be_written_is_an_error_before_the_run() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing/x.csv");
    let error = TraceWriter::create(&missing).unwrap_err();
    assert!(matches!(error, TraceError::Io { action: "create", .. }), "{error}");
    let path = folder.path().join("x.csv");
    let _first = TraceWriter::create(&path).unwrap();
    assert!(matches!(TraceWriter::create(&path), Err(TraceError::InUse { .. })));
    assert!(matches!(TraceWriter::resume(&path, 0, &[]), Err(TraceError::InUse { .. })));
}

#[test]
fn a_killed_run_ends_with_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["x.csv", "x.csv.gz"] {
        let whole = folder.path().join(format!("whole-{name}"));
        write(&whole, &rows());
        for saved in 0..=rows().len() {
            let path = folder.path().join(name);
            let mut writer = TraceWriter::create(&path).unwrap();
            rows()[..saved].iter().for_each(|row| writer.write(row).unwrap());
            let position = writer.position().unwrap();
            // Rows after the checkpoint, the last of them cut off by the kill.
            rows()[saved..].iter().for_each(|row| writer.write(row).unwrap());
            let partial = writer.abandon().unwrap();
            let mut file = std::fs::OpenOptions::new().append(true).open(partial).unwrap();
            file.write_all(b"1,gemm,17,\"lay").unwrap();
            drop(file);
            let mut writer = TraceWriter::resume(&path, position, &[]).unwrap();
            assert_eq!(writer.position().unwrap(), position);
            rows()[saved..].iter().for_each(|row| writer.write(row).unwrap());
            writer.finish().unwrap();
            assert_eq!(std::fs::read(&path).unwrap(), std::fs::read(&whole).unwrap(), "{saved}");
            std::fs::remove_file(path).unwrap();
        }
    }
}

#[test]
fn what_cannot_be_continued_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.csv");
    let partial = folder.path().join("x.csv.partial");
    assert!(matches!(TraceWriter::resume(&path, 0, &[]), Err(TraceError::NoPartial { .. })));
    let mut writer = TraceWriter::create(&path).unwrap();
    let header = writer.position().unwrap();
    writer.write(&Row::Step(step_row())).unwrap();
    let end = writer.position().unwrap();
    drop(writer);
    let content = std::fs::read(&partial).unwrap();
    assert_eq!(content.len() as u64, end);
    for position in [0, 1, header - 1, header + 1, end - 1] {
        let error = TraceWriter::resume(&path, position, &[]).unwrap_err();
        assert!(matches!(error, TraceError::NoRowEnd { .. }), "{position}: {error}");
    }
    for position in [end + 1, u64::MAX] {
        let error = TraceWriter::resume(&path, position, &[]).unwrap_err();
        assert!(matches!(error, TraceError::TooShort { .. }), "{position}: {error}");
    }
    assert_eq!(std::fs::read(&partial).unwrap(), content, "left as it was");
    for other in ["", "schema,row", "step,loss\n1,2\n"] {
        std::fs::write(&partial, other).unwrap();
        let error = TraceWriter::resume(&path, 1, &[]).unwrap_err();
        assert!(matches!(error, TraceError::Header { .. }), "{error}");
    }
    write(&path, &rows());
    assert!(matches!(TraceWriter::resume(&path, end, &[]), Err(TraceError::Finished { .. })));
}

#[test]
fn a_finished_trace_is_continued_without_its_last_row() {
    let folder = tempfile::tempdir().unwrap();
    let longer = [rows(), vec![Row::Evaluation(evaluation_row())]].concat();
    for name in ["x.csv", "x.csv.gz"] {
        let whole = folder.path().join(format!("whole-{name}"));
        write(&whole, &[rows(), rows()].concat());
        let path = folder.path().join(name);
        let mut writer = TraceWriter::create(&path).unwrap();
        longer.iter().for_each(|row| writer.write(row).unwrap());
        writer.finish().unwrap();
        let position = writer.position().unwrap();
        TraceWriter::reopen(&path).unwrap();
        assert!(path.exists(), "the final file stays");
        let mut writer = TraceWriter::resume(&path, position, &[]).unwrap();
        writer.drop_last_row().unwrap();
        rows().iter().for_each(|row| writer.write(row).unwrap());
        writer.finish().unwrap();
        assert!(std::fs::read(&path).unwrap() == std::fs::read(&whole).unwrap(), "{name}");
    }
    // Nothing to make anew.
    TraceWriter::reopen(&folder.path().join("missing.csv")).unwrap();
}

#[test]
fn rows_that_a_checkpoint_keeps_follow_those_of_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let [whole, path] = ["whole.csv", "x.csv"].map(|name| folder.path().join(name));
    write(&whole, &rows());
    let bytes = std::fs::read(&whole).unwrap();
    let mut writer = TraceWriter::create(&path).unwrap();
    let position = writer.position().unwrap();
    drop(writer);
    let pending = &bytes[position as usize..];
    TraceWriter::resume(&path, position, pending).unwrap().finish().unwrap();
    assert!(std::fs::read(&path).unwrap() == bytes);
}
