//! A flipped bit anywhere is noticed: never served, never silently skipped.

use std::path::{Path, PathBuf};

use kizashi_log::{FileSystem, LogError, SimFileSystem};

use crate::{DIR, append, open, read_all, segments, small};

const CARRY: &[u8] = b"what the owner knows";
/// Where the first block begins.
const BLOCKS: u64 = 52 + CARRY.len() as u64;
/// Bytes of a block with one entry of 60 bytes.
const BLOCK: u64 = 40 + 2 + 60;

/// A log of three segments, several blocks each. Returns its entries.
fn written() -> (SimFileSystem, Vec<Vec<u8>>) {
    let fs = SimFileSystem::new();
    let (log, _) = open(&fs, small()).unwrap();
    let entries: Vec<Vec<u8>> = (0..12_u8).map(|number| vec![number; 60]).collect();
    for entry in &entries {
        log.append(i64::from(entry[0]), [entry], || CARRY.to_vec()).unwrap().1.wait().unwrap();
    }
    log.close().unwrap();
    assert_eq!(segments(&fs).len(), 3);
    (fs, entries)
}

fn path(fs: &SimFileSystem, segment: usize) -> PathBuf {
    Path::new(DIR).join(&segments(fs)[segment])
}

fn length(fs: &SimFileSystem, path: &Path) -> u64 {
    fs.open(path).unwrap().length().unwrap()
}

fn flip(fs: &SimFileSystem, path: &Path, offset: u64) {
    let file = fs.open(path).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, offset).unwrap();
    file.write_all_at(&[byte[0] ^ 0x10], offset).unwrap();
}

#[test]
fn a_flipped_bit_anywhere_is_noticed() {
    let (fs, entries) = written();
    for segment in 0..3 {
        let path = path(&fs, segment);
        let length = length(&fs, &path);
        for offset in 0..length {
            flip(&fs, &path, offset);
            let in_carry = (52..BLOCKS).contains(&offset);
            match open(&fs, small()) {
                Err(LogError::Corrupt { path: named, .. }) => assert_eq!(named, path),
                Err(error) => panic!("{error}"),
                Ok((log, recovery)) if segment == 2 => {
                    // Only the last block can be taken for a torn tail. It is cut, and said to be.
                    assert!(
                        recovery.bytes_cut > 0 && offset >= length - BLOCK,
                        "offset {offset} of {length}"
                    );
                    assert_eq!(read_all(&log).unwrap(), entries[..11], "offset {offset}");
                    append(&log, 11, &entries[11]).unwrap();
                    continue;
                }
                // Only the last segment's carry is ever read.
                Ok((log, _)) if in_carry => assert_eq!(read_all(&log).unwrap(), entries),
                Ok((log, recovery)) => {
                    assert_eq!(recovery.bytes_cut, 0);
                    match read_all(&log) {
                        Err(LogError::Corrupt { path: named, .. }) => assert_eq!(named, path),
                        other => panic!("segment {segment}, offset {offset}: {other:?}"),
                    }
                }
            }
            flip(&fs, &path, offset);
        }
    }
    assert_eq!(read_all(&open(&fs, small()).unwrap().0).unwrap(), entries);
}

#[test]
fn the_error_names_the_file_and_the_block_and_the_rest_is_served() {
    let (fs, entries) = written();
    let path = path(&fs, 0);
    let offset = length(&fs, &path) - 3;
    flip(&fs, &path, offset);
    let (log, _) = open(&fs, small()).unwrap();
    let error = log.read(0, 100, 1 << 20).unwrap_err();
    let text = error.to_string();
    assert!(text.contains("00000000000000000000.segment is corrupt at byte "), "{text}");
    let LogError::Corrupt { offset: at, .. } = error else { panic!("{error}") };
    assert!(at < offset && offset - at < BLOCK, "{at} is where the block of {offset} begins");
    let second = segments(&fs)[1][..20].parse().unwrap();
    assert_eq!(log.read(second, 1, 0).unwrap()[0].data, entries[second as usize]);
}

#[test]
fn what_stands_before_a_corrupt_header_is_served() {
    let (fs, entries) = written();
    let path = path(&fs, 0);
    flip(&fs, &path, BLOCKS + 2 * BLOCK + 20);
    let (log, _) = open(&fs, small()).unwrap();
    for index in 0..2 {
        assert_eq!(log.read(index, 1, 0).unwrap()[0].data, entries[index as usize]);
    }
    match log.read(2, 1, 0) {
        Err(LogError::Corrupt { offset, .. }) => assert_eq!(offset, BLOCKS + 2 * BLOCK),
        other => panic!("{other:?}"),
    }
    assert_eq!(log.find_time(1).unwrap(), 1);
}

#[test]
fn a_cut_segment_in_the_middle_is_corrupt() {
    let (fs, _) = written();
    let path = path(&fs, 1);
    fs.open(&path).unwrap().truncate(length(&fs, &path) - 5).unwrap();
    let (log, _) = open(&fs, small()).unwrap();
    assert!(matches!(read_all(&log), Err(LogError::Corrupt { .. })));
}

#[test]
fn a_segment_cut_at_a_block_is_corrupt() {
    let (fs, _) = written();
    let path = path(&fs, 0);
    let whole = length(&fs, &path);
    // A whole number of blocks is missing, so that all that is left verifies.
    fs.open(&path).unwrap().truncate(whole - BLOCK).unwrap();
    let (log, _) = open(&fs, small()).unwrap();
    match read_all(&log) {
        Err(LogError::Corrupt { reason, .. }) => {
            assert!(reason.contains("the next segment begins"), "{reason}")
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_block_of_another_log_is_corrupt() {
    let (fs, _) = written();
    let other = SimFileSystem::new();
    let (log, _) = open(&other, small()).unwrap();
    for number in 0..6 {
        log.append(number, [[0xff; 60]], || CARRY.to_vec()).unwrap().1.wait().unwrap();
    }
    log.close().unwrap();
    let mut block = [0; BLOCK as usize];
    other.open(&path(&other, 0)).unwrap().read_exact_at(&mut block, BLOCKS + BLOCK).unwrap();
    fs.open(&path(&fs, 0)).unwrap().write_all_at(&block, BLOCKS + BLOCK).unwrap();
    let (log, _) = open(&fs, small()).unwrap();
    match log.read(1, 1, 0) {
        Err(LogError::Corrupt { reason, .. }) => assert!(reason.contains("does not follow"), "{reason}"),
        other => panic!("{other:?}"),
    }
}

/// A segment is extended ahead of its blocks. Where a kill or a power loss kept it from being cut, the
/// zeros behind the blocks are no entries, and no damage.
#[test]
fn zeros_behind_the_blocks_are_neither_entries_nor_damage() {
    let (fs, entries) = written();
    for segment in 0..3 {
        let path = path(&fs, segment);
        fs.open(&path).unwrap().truncate(length(&fs, &path) + 5000).unwrap();
    }
    let (log, recovery) = open(&fs, small()).unwrap();
    assert_eq!(recovery.bytes_cut, 0);
    assert_eq!(read_all(&log).unwrap(), entries);
    append(&log, 12, b"on").unwrap();
    assert_eq!(log.read(12, 1, 0).unwrap()[0].data, &b"on"[..]);
}

#[test]
fn a_missing_segment_is_noticed_at_open() {
    let (fs, _) = written();
    fs.remove(&path(&fs, 1)).unwrap();
    match open(&fs, small()) {
        Err(LogError::Corrupt { reason, .. }) => assert!(reason.contains("missing"), "{reason}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_newer_format_version_is_refused() {
    let (fs, _) = written();
    let path = path(&fs, 2);
    let file = fs.open(&path).unwrap();
    let mut header = [0; 52];
    file.read_exact_at(&mut header, 0).unwrap();
    header[8] = 9;
    let crc = crc32c::crc32c(&header[..48]).to_le_bytes();
    header[48..].copy_from_slice(&crc);
    file.write_all_at(&header, 0).unwrap();
    let error = open(&fs, small()).unwrap_err();
    assert!(error.to_string().ends_with("has format version 9; this build reads version 1"), "{error}");
    assert_eq!(segments(&fs).len(), 3, "it is left alone");
}

/// Blocks of an append that was cut off, left behind on a disk that lost the cut, do not come back behind
/// the blocks that were written in its place.
#[test]
fn leftovers_of_an_older_tail_do_not_come_back() {
    let fs = SimFileSystem::new();
    let (log, _) = open(&fs, small()).unwrap();
    append(&log, 0, b"kept").unwrap();
    let torn_at = log.bytes();
    append(&log, 0, b"aaaa").unwrap();
    let stale_at = log.bytes();
    append(&log, 0, b"stale").unwrap();
    log.close().unwrap();
    let path = path(&fs, 0);
    let file = fs.open(&path).unwrap();
    let mut stale = vec![0; (log.bytes() - stale_at) as usize];
    file.read_exact_at(&mut stale, stale_at).unwrap();
    file.truncate(torn_at).unwrap();

    let (log, _) = open(&fs, small()).unwrap();
    append(&log, 0, b"bbbb").unwrap();
    log.close().unwrap();
    assert_eq!(log.bytes(), stale_at, "the new block is as long as the old one");
    fs.open(&path).unwrap().write_all_at(&stale, stale_at).unwrap();

    let (log, recovery) = open(&fs, small()).unwrap();
    assert_eq!(recovery.bytes_cut, stale.len() as u64);
    assert_eq!(read_all(&log).unwrap(), [b"kept", b"bbbb"]);
}

#[test]
fn a_segment_whose_header_never_became_whole_is_removed() {
    let (fs, mut entries) = written();
    for torn in [0, 1, 30, 51, 52] {
        let file = fs.create(&Path::new(DIR).join("00000000000000000012.segment")).unwrap();
        file.write_all_at(&vec![b'K'; torn], 0).unwrap();
        let (log, recovery) = open(&fs, small()).unwrap();
        assert_eq!(recovery.bytes_cut, torn as u64);
        assert_eq!(segments(&fs).len(), 3);
        assert_eq!(read_all(&log).unwrap(), entries);
        assert_eq!(log.next_index(), 12);
    }
    let (log, _) = open(&fs, small()).unwrap();
    append(&log, 0, b"on").unwrap();
    entries.push(b"on".to_vec());
    assert_eq!(read_all(&log).unwrap(), entries);
}
